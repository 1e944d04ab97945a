//! Bytes that are not what was written.

use proptest::prelude::*;
use tacho_spool::{Reason, Spool};

use super::kept::{acknowledge, all, config, directory, files, in_gaps, push, sequences};

#[test]
fn a_flipped_bit_on_disk_costs_its_record_and_is_told() {
    let root = directory();
    let config = config(root.path());
    let spool = Spool::open(&config).unwrap();
    (1..=20).for_each(|sequence| push(&spool, sequence, 500));
    spool.maintain(false, 0);
    drop(spool);
    // What is left there would make up for it.
    std::fs::remove_file(config.runtime_dir.join("hot.spool")).unwrap();
    let [path] = files(&config.dir).try_into().unwrap();
    let mut bytes = std::fs::read(&path).unwrap();
    // In the payload of the eighth record.
    bytes[16 + 7 * 552 + 300] ^= 4;
    // In the head of the twelfth.
    bytes[16 + 11 * 552 + 30] ^= 4;
    std::fs::write(&path, bytes).unwrap();
    let spool = Spool::open(&config).unwrap();
    let expected: Vec<u64> = (1..=20).filter(|sequence| ![8, 12].contains(sequence)).collect();
    assert_eq!(sequences(&spool), expected);
    assert_eq!(in_gaps(&spool).into_iter().collect::<Vec<_>>(), [8, 12]);
    assert!(spool.gaps().iter().all(|gap| gap.reason == Reason::Damage));
    assert!(spool.state().damaged >= 2 && spool.state().dropped == 2, "{:?}", spool.state());
    // The gaps are still known to the next process, until they are taken note of.
    drop(spool);
    let spool = Spool::open(&config).unwrap();
    assert_eq!(in_gaps(&spool).len(), 2);
    acknowledge(&spool, 1..=20);
    spool.maintain(true, 0);
    drop(spool);
    assert_eq!(in_gaps(&Spool::open(&config).unwrap()).len(), 0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(30))]

    /// Whatever is damaged in a file, plain or packed, before or while it is read: what is not there is in a gap.
    #[test]
    fn damage_is_told(
        is_packed in any::<bool>(), is_open in any::<bool>(), at in 16usize..200_000,
        with in proptest::collection::vec(any::<u8>(), 1..100),
    ) {
        let root = directory();
        let mut config = config(root.path());
        config.segment_bytes = if is_packed { 400_000 } else { 1 << 20 };
        let spool = Spool::open(&config).unwrap();
        (1..=100).for_each(|sequence| push(&spool, sequence, 4000));
        spool.maintain(false, 0);
        spool.maintain(false, 0);
        let directory = if is_packed { &config.cold_dir } else { &config.dir };
        let path = files(directory).into_iter().next().unwrap();
        let mut spool = Some(spool);
        if !is_open {
            spool = None;
            std::fs::remove_file(config.runtime_dir.join("hot.spool")).unwrap();
        }
        let mut bytes = std::fs::read(&path).unwrap();
        let end = (at + with.len()).min(bytes.len());
        bytes[at..end].copy_from_slice(&with[..end - at]);
        std::fs::write(&path, bytes).unwrap();
        let spool = spool.unwrap_or_else(|| Spool::open(&config).unwrap());
        let there = all(&spool);
        let gaps = in_gaps(&spool);
        let missing: Vec<u64> = (1..=100).filter(|sequence| !there.contains_key(sequence)).collect();
        // Of the last record of a file nothing tells when its head is gone.
        let missing: Vec<u64> = missing.into_iter().filter(|sequence| *sequence < 100).collect();
        prop_assert!(missing.iter().all(|sequence| gaps.contains(sequence)), "{:?} {:?}", missing, gaps);
        prop_assert!(missing.len() <= if is_packed { 67 } else { 2 }, "{:?}", missing);
        prop_assert!(there.keys().all(|sequence| !gaps.contains(sequence)), "{:?}", gaps);
    }

    #[test]
    fn any_files_can_be_opened(hot in proptest::collection::vec(any::<u8>(), 0..300), plain in proptest::collection::vec(any::<u8>(), 0..300)) {
        let root = directory();
        let config = config(root.path());
        for directory in [&config.runtime_dir, &config.dir, &config.cold_dir] {
            std::fs::create_dir_all(directory).unwrap();
        }
        std::fs::write(config.runtime_dir.join("hot.spool"), &hot).unwrap();
        std::fs::write(config.dir.join("gaps"), &hot).unwrap();
        std::fs::write(config.dir.join("0000000000000005-00000000000000aa.spool"), &plain).unwrap();
        std::fs::write(config.cold_dir.join("0000000000000006-00000000000000aa.spool.zst"), &plain).unwrap();
        std::fs::write(config.dir.join("README"), &plain).unwrap();
        let spool = Spool::open(&config).unwrap();
        prop_assert_eq!(sequences(&spool), Vec::<u64>::new());
        push(&spool, 1, 100);
        spool.move_all();
        prop_assert_eq!(sequences(&spool), vec![1]);
    }
}
