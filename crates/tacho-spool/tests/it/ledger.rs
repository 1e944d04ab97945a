//! Damage to one of the files that records are appended to, or to the ledger of them: every number that was ever given
//! is readable or told as lost, and none is given twice.

use std::collections::BTreeSet;
use std::path::PathBuf;

use proptest::prelude::*;
use tacho_spool::{Config, Cursor, Reason, RecordHead, Spool, StreamId};

use super::kept::{acknowledge, config, directory, files, in_gaps, payload, push, sequences};

const FILES: [&str; 2] = ["hot.spool", "ledger.spool"];
/// The newest file on disk, where there is one.
const ON_DISK: usize = FILES.len();

#[derive(Debug, Clone)]
enum Damage {
    Flip {
        at: prop::sample::Index,
        bit: u8,
    },
    Cut {
        at: prop::sample::Index,
    },
    /// Such as a block that was never written.
    Zeros {
        at: prop::sample::Index,
        bytes: usize,
    },
    Removal,
}

#[derive(Debug, Clone)]
enum Step {
    Push {
        bytes: usize,
    },
    Acknowledge {
        first: prop::sample::Index,
        count: usize,
    },
    Maintain {
        is_delivering: bool,
    },
    /// A kill and a start.
    Restart,
    /// One file is damaged, some more is pushed, and the process is killed and started.
    Damage {
        file: usize,
        how: Damage,
        pushes: usize,
    },
}

fn damage() -> impl Strategy<Value = Damage> {
    let at = any::<prop::sample::Index>;
    prop_oneof![
        3 => (at(), 0u8..8).prop_map(|(at, bit)| Damage::Flip { at, bit }),
        3 => at().prop_map(|at| Damage::Cut { at }),
        1 => (at(), 1usize..2000).prop_map(|(at, bytes)| Damage::Zeros { at, bytes }),
        1 => Just(Damage::Removal),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        12 => (0usize..9000).prop_map(|bytes| Step::Push { bytes }),
        4 => (any::<prop::sample::Index>(), 1usize..20).prop_map(|(first, count)| Step::Acknowledge { first, count }),
        2 => any::<bool>().prop_map(|is_delivering| Step::Maintain { is_delivering }),
        1 => Just(Step::Restart),
        3 => (0..=ON_DISK, damage(), 0usize..3)
            .prop_map(|(file, how, pushes)| Step::Damage { file, how, pushes }),
    ]
}

fn is_plain(path: &&PathBuf) -> bool {
    path.extension().is_some_and(|extension| extension == "spool")
}

fn spoil(path: &PathBuf, how: &Damage) {
    let mut bytes = std::fs::read(path).unwrap_or_default();
    if bytes.is_empty() {
        return;
    }
    match how {
        Damage::Removal => return std::fs::remove_file(path).unwrap(),
        Damage::Flip { at, bit } => {
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
        }
        Damage::Cut { at } => bytes.truncate(at.index(bytes.len())),
        Damage::Zeros { at, bytes: count } => {
            let at = at.index(bytes.len());
            bytes.iter_mut().skip(at).take(*count).for_each(|byte| *byte = 0);
        }
    }
    // In place, as under a process that has it open.
    std::fs::write(path, bytes).unwrap();
}

type Number = (StreamId, u64);

/// Gives numbers as the agent's queue does.
struct Numbers {
    config: Config,
    spool: Option<Spool>,
    streams: u8,
    stream: StreamId,
    last: u64,
    given: BTreeSet<Number>,
    waiting: BTreeSet<Number>,
}

impl Numbers {
    fn new(config: Config) -> Self {
        let mut numbers = Self {
            config,
            spool: None,
            streams: 0,
            stream: [0; 16],
            last: 0,
            given: BTreeSet::new(),
            waiting: BTreeSet::new(),
        };
        numbers.start();
        numbers
    }

    fn start(&mut self) {
        self.spool = None;
        let spool = Spool::open(&self.config).unwrap();
        let note = String::from_utf8(spool.note()).unwrap();
        match note.split_once(' ').filter(|_| spool.is_note_newest()) {
            Some((stream, last)) => {
                (self.stream, self.last) = ([stream.parse().unwrap(); 16], last.parse().unwrap());
            }
            None => {
                self.streams += 1;
                (self.stream, self.last) = ([self.streams; 16], 0);
            }
        }
        let heads = spool.recent().into_iter().map(|(head, _)| head);
        let newest = heads.filter(|head| head.stream == self.stream).map(|head| head.sequence).max();
        self.last = self.last.max(newest.unwrap_or(0));
        self.spool = Some(spool);
    }

    fn spool(&self) -> &Spool {
        self.spool.as_ref().unwrap()
    }

    fn push(&mut self, bytes: usize) {
        self.last += 1;
        let number = (self.stream, self.last);
        assert!(self.given.insert(number), "{number:?} is given twice");
        self.waiting.insert(number);
        let head = RecordHead { stream: self.stream, sequence: self.last, time_ms: self.last as i64 * 1000 };
        let note = format!("{} {}", self.stream[0], self.last);
        self.spool().push(head, payload(self.last, bytes), note.as_bytes());
    }

    fn acknowledge(&mut self, first: usize, count: usize) {
        let stored: Vec<Number> = self.waiting.iter().skip(first).take(count).copied().collect();
        for (stream, sequence) in stored {
            self.spool().acknowledge(stream, &[sequence..=sequence].into_iter().collect());
            self.waiting.remove(&(stream, sequence));
        }
    }

    fn run(&mut self, step: &Step) {
        match step {
            Step::Push { bytes } => self.push(*bytes),
            Step::Acknowledge { first, count } => {
                self.acknowledge(first.index(self.waiting.len().max(1)), *count);
            }
            Step::Maintain { is_delivering } => self.spool().maintain(*is_delivering, 0),
            Step::Restart => self.start(),
            Step::Damage { file, how, pushes } => {
                match FILES.get(*file) {
                    Some(file) => spoil(&self.config.runtime_dir.join(file), how),
                    // Of a whole file that is gone nothing is said.
                    None if matches!(how, Damage::Removal) => {}
                    None => {
                        files(&self.config.dir).iter().rfind(is_plain).map_or((), |file| spoil(file, how))
                    }
                }
                (0..*pushes).for_each(|_| self.push(500));
                self.start();
                self.check();
            }
        }
    }

    /// What is there, which is what was pushed.
    fn there(&self) -> BTreeSet<Number> {
        let mut there = BTreeSet::new();
        let mut cursor = Cursor::default();
        loop {
            let read = self.spool().read_disk(&mut cursor, 100_000, |_| true);
            if read.is_empty() {
                break;
            }
            for record in read {
                assert_eq!(record.payload, payload(record.head.sequence, record.payload.len()));
                there.insert((record.head.stream, record.head.sequence));
            }
        }
        for (head, _) in self.spool().recent() {
            let Some(record) = self.spool().read_recent(head.stream, head.sequence) else { continue };
            assert_eq!(record.payload, payload(head.sequence, record.payload.len()));
            there.insert((head.stream, head.sequence));
        }
        there
    }

    fn check(&self) {
        let there = self.there();
        let gaps = self.spool().gaps();
        let is_told = |(stream, sequence): &Number| {
            gaps.iter().any(|gap| {
                gap.stream == *stream && (gap.first_sequence..=gap.last_sequence).contains(sequence)
            })
        };
        for number in &self.waiting {
            assert!(there.contains(number) || is_told(number), "{number:?} is lost: {gaps:?}");
        }
        assert!(there.iter().all(|number| self.given.contains(number) && !is_told(number)), "{gaps:?}");
        for gap in &gaps {
            assert_eq!(gap.reason, Reason::Damage);
            assert!(gap.first_time_ms <= gap.last_time_ms, "{gap:?}");
            for sequence in gap.first_sequence..=gap.last_sequence {
                assert!(self.given.contains(&(gap.stream, sequence)), "{sequence} was never given: {gap:?}");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn damage_to_one_file_loses_nothing_without_a_word(steps in proptest::collection::vec(step(), 1..60)) {
        let root = directory();
        let mut config = config(root.path());
        config.group = 3;
        let mut numbers = Numbers::new(config);
        steps.iter().for_each(|step| numbers.run(step));
        numbers.start();
        numbers.check();
    }

    /// Both at once: not every loss is known, but no number is given twice.
    #[test]
    fn damage_to_both_files_gives_no_number_twice(
        rounds in proptest::collection::vec((1usize..12, damage(), damage()), 1..8),
    ) {
        let root = directory();
        let mut numbers = Numbers::new(config(root.path()));
        for (pushes, hot, ledger) in rounds {
            (0..pushes).for_each(|_| numbers.push(200));
            numbers.spool = None;
            spoil(&numbers.config.runtime_dir.join(FILES[0]), &hot);
            spoil(&numbers.config.runtime_dir.join(FILES[1]), &ledger);
            numbers.start();
            assert!(numbers.there().is_subset(&numbers.given));
        }
    }
}

#[test]
fn what_was_cut_off_is_told_and_its_numbers_are_not_given_again() {
    let root = directory();
    let config = config(root.path());
    let spool = Spool::open(&config).unwrap();
    (1..=9).for_each(|sequence| push(&spool, sequence, 500));
    acknowledge(&spool, 1..=4);
    let hot = config.runtime_dir.join(FILES[0]);
    let length = std::fs::metadata(&hot).unwrap().len();
    drop(spool);
    // Three records, each with its note.
    let file = std::fs::OpenOptions::new().write(true).open(&hot).unwrap();
    file.set_len(length - 3 * (52 + 500 + 52 + 1)).unwrap();
    let spool = Spool::open(&config).unwrap();
    assert_eq!((sequences(&spool).last(), in_gaps(&spool)), (Some(&6), [7, 8, 9].into()));
    assert_eq!((spool.note(), spool.is_note_newest()), (b"9".to_vec(), true));
    let [gap] = spool.gaps().try_into().unwrap();
    assert_eq!((gap.first_time_ms, gap.last_time_ms), (6 * 5000, 9 * 5000));
    assert_eq!((spool.state().damaged, spool.state().dropped), (1, 3));
    drop(spool);
    assert_eq!(Spool::open(&config).unwrap().gaps(), [gap], "once, however often it starts");
}

#[test]
fn a_lost_ledger_costs_nothing_but_the_name_of_the_stream() {
    let root = directory();
    let config = config(root.path());
    let spool = Spool::open(&config).unwrap();
    (1..=9).for_each(|sequence| push(&spool, sequence, 500));
    drop(spool);
    std::fs::remove_file(config.runtime_dir.join(FILES[1])).unwrap();
    // A kill before the first push leaves it as unknown as it was.
    for acknowledged in 1..=2 {
        let spool = Spool::open(&config).unwrap();
        assert!(!spool.is_note_newest());
        assert_eq!((sequences(&spool), in_gaps(&spool).len()), ((1..=9).collect(), 0));
        acknowledge(&spool, acknowledged..=acknowledged);
    }
    push(&Spool::open(&config).unwrap(), 10, 500);
    assert!(Spool::open(&config).unwrap().is_note_newest());
}

#[test]
fn a_file_of_an_earlier_version_outdates_the_ledger() {
    let root = directory();
    let config = config(root.path());
    let spool = Spool::open(&config).unwrap();
    (1..=9).for_each(|sequence| push(&spool, sequence, 500));
    drop(spool);
    let fixture = "../../fixtures/spool/v1/run/hot.spool";
    let fixture = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(fixture);
    std::fs::copy(fixture, config.runtime_dir.join(FILES[0])).unwrap();
    let spool = Spool::open(&config).unwrap();
    assert_eq!((spool.note(), spool.is_note_newest()), (b"18".to_vec(), true));
    assert!(in_gaps(&spool).iter().all(|sequence| *sequence <= 4), "{:?}", spool.gaps());
}
