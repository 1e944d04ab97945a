//! Random use, with a kill at any point of any write, against a model.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use tacho_spool::{Config, Spool};

use super::kept::{acknowledge, all, config, directory, files, in_gaps, push, sequences};

#[derive(Debug, Clone)]
enum Step {
    Push {
        bytes: usize,
    },
    Acknowledge {
        first: u64,
        count: u64,
    },
    Maintain {
        is_delivering: bool,
    },
    /// The process is killed in the middle of its last write to the file of new records, or between that and the
    /// one to the ledger, and starts again.
    KillInPush {
        part: f64,
    },
    /// The process is killed while records move to disk: some of the bytes are there, and nothing has left the
    /// file of new records.
    KillInMove {
        part: f64,
    },
    Restart,
    MoveAll,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (0usize..3000).prop_map(|bytes| Step::Push { bytes }),
        2 => (0u64..80, 0u64..30).prop_map(|(first, count)| Step::Acknowledge { first, count }),
        4 => any::<bool>().prop_map(|is_delivering| Step::Maintain { is_delivering }),
        1 => prop_oneof![0.0..1.0, Just(1.0)].prop_map(|part| Step::KillInPush { part }),
        1 => (0.0..1.0).prop_map(|part| Step::KillInMove { part }),
        1 => Just(Step::Restart),
        1 => Just(Step::MoveAll),
    ]
}

struct Run {
    config: Config,
    spool: Option<Spool>,
    newest: u64,
    /// Pushed and never acknowledged: has to be there, or in a gap.
    waiting: BTreeSet<u64>,
    acknowledged: BTreeSet<u64>,
}

impl Run {
    fn new(root: &Path, config: Config) -> Self {
        let spool = Some(Spool::open(&config).unwrap());
        std::fs::create_dir_all(root.join("kept")).unwrap();
        Self { config, spool, newest: 0, waiting: BTreeSet::new(), acknowledged: BTreeSet::new() }
    }

    fn spool(&self) -> &Spool {
        self.spool.as_ref().unwrap()
    }

    fn push(&mut self, bytes: usize) {
        self.newest += 1;
        push(self.spool(), self.newest, bytes);
        self.waiting.insert(self.newest);
    }

    fn restart(&mut self, tear: impl FnOnce(&Config)) {
        self.spool = None;
        tear(&self.config);
        self.spool = Some(Spool::open(&self.config).unwrap());
        // Which was the last is what the note and the records say.
        let note: u64 = String::from_utf8(self.spool().note()).unwrap().parse().unwrap_or(0);
        let there = sequences(self.spool()).last().copied().unwrap_or(0);
        let lost: Vec<u64> = self.waiting.range(note.max(there) + 1..).copied().collect();
        assert!(lost.len() <= 1, "a kill costs at most the push it interrupts: {lost:?}");
        lost.iter().for_each(|sequence| assert!(self.waiting.remove(sequence)));
    }

    fn hot(&self) -> PathBuf {
        self.config.runtime_dir.join("hot.spool")
    }

    fn ledger(&self) -> PathBuf {
        self.config.runtime_dir.join("ledger.spool")
    }

    fn run(&mut self, step: &Step) {
        match step {
            Step::Push { bytes } => self.push(*bytes),
            Step::Acknowledge { first, count } => {
                let range = *first..=(first + count).min(self.newest);
                acknowledge(self.spool(), range.clone());
                let is_in = |sequence: &u64| range.contains(sequence);
                self.acknowledged.extend(self.waiting.iter().copied().filter(is_in));
                self.waiting.retain(|sequence| !is_in(sequence));
            }
            Step::Maintain { is_delivering } => self.spool().maintain(*is_delivering, 0),
            Step::MoveAll => self.spool().move_all(),
            Step::Restart => self.restart(|_| {}),
            Step::KillInPush { part } => {
                let (hot, ledger) = (self.hot(), self.ledger());
                let told = std::fs::read(&ledger).unwrap();
                let before = std::fs::metadata(&hot).unwrap().len();
                self.push(1000);
                let after = std::fs::metadata(&hot).unwrap().len();
                if after > before {
                    let cut = before + ((after - before) as f64 * part) as u64;
                    self.restart(|_| {
                        truncate(&hot, cut);
                        std::fs::write(ledger, told).unwrap();
                    });
                }
            }
            Step::KillInMove { part } => self.kill_in_move(*part),
        }
    }

    fn kill_in_move(&mut self, part: f64) {
        let [hot, ledger] = [self.hot(), self.ledger()].map(|path| std::fs::read(path).unwrap());
        let sizes: Vec<_> =
            files(&self.config.dir).into_iter().map(|path| (path.clone(), size(&path))).collect();
        let gaps = self.spool().gaps();
        self.spool().move_all();
        if self.spool().gaps() != gaps {
            return;
        }
        let paths = [self.hot(), self.ledger()];
        self.restart(|config| {
            std::fs::write(&paths[0], hot).unwrap();
            if part < 0.5 {
                std::fs::write(&paths[1], ledger).unwrap();
            }
            // Only the newest file grew.
            let Some(newest) = files(&config.dir)
                .into_iter()
                .rfind(|path| path.extension().is_some_and(|extension| extension == "spool"))
            else {
                return;
            };
            let before = sizes.iter().find(|(path, _)| *path == newest).map_or(0, |(_, size)| *size);
            let grown = size(&newest).saturating_sub(before) as f64;
            truncate(&newest, before + (grown * part) as u64);
        });
    }

    fn check(&self) {
        let (there, gaps) = (all(self.spool()), in_gaps(self.spool()));
        for sequence in &self.waiting {
            assert!(there.contains_key(sequence) || gaps.contains(sequence), "{sequence} is lost");
        }
        for sequence in there.keys() {
            let is_known = self.waiting.contains(sequence) || self.acknowledged.contains(sequence);
            assert!(is_known, "{sequence} was never pushed");
        }
    }
}

fn size(path: &Path) -> u64 {
    std::fs::metadata(path).unwrap().len()
}

fn truncate(path: &Path, bytes: u64) {
    std::fs::OpenOptions::new().write(true).open(path).unwrap().set_len(bytes).unwrap();
}

fn run(steps: &[Step], change: impl FnOnce(&mut Config)) -> Run {
    let root = directory();
    let mut config = config(root.path());
    (config.group, config.segment_bytes) = (3, 12_000);
    change(&mut config);
    let mut run = Run::new(root.path(), config);
    for step in steps {
        run.run(step);
        run.check();
    }
    run.spool().maintain(false, 0);
    run.check();
    assert!(in_gaps(run.spool()).is_disjoint(&all(run.spool()).into_keys().collect()), "a gap is not there");
    acknowledge(run.spool(), 0..=u64::MAX);
    run.spool().maintain(false, 0);
    assert_eq!(sequences(run.spool()), []);
    assert!(run.spool().gaps().is_empty());
    assert_eq!((files(&run.config.dir), files(&run.config.cold_dir)), (vec![], vec![]));
    run
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(25))]

    #[test]
    fn nothing_is_lost_where_there_is_room(steps in proptest::collection::vec(step(), 1..80)) {
        let run = run(&steps, |_| {});
        prop_assert_eq!(run.spool().state().dropped, 0);
    }

    #[test]
    fn what_does_not_fit_is_in_a_gap(steps in proptest::collection::vec(step(), 20..120)) {
        run(&steps, |config| (config.hot_bytes, config.disk_bytes) = (8000, 30_000));
    }
}
