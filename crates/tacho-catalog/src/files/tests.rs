use std::sync::Arc;

use tacho_model::SequenceSet;
use tempfile::TempDir;

use super::*;

async fn catalog() -> (TempDir, Catalog) {
    let directory = tempfile::tempdir().unwrap();
    let catalog = Catalog::open(&directory.path().join("catalog.sqlite")).await.unwrap();
    (directory, catalog)
}

fn file(id: &str) -> FileRecord {
    FileRecord {
        id: id.into(),
        table: "host".into(),
        path: format!("host/2026-11-20/{id}.parquet").into(),
        level: 0,
        host_min: "a".into(),
        host_max: "b".into(),
        time_min_ms: 1,
        time_max_ms: 2,
        rows: 3,
        bytes: 4,
        checksum: u32::MAX,
        written_ms: 5,
        rolled: false,
    }
}

fn mark(agent: &str, version: i64, last: u64) -> MarkUpdate {
    let key = StreamKey { agent_id: Arc::from(agent), stream: [7; 16] };
    MarkUpdate { key, version, stored: [1..=last].into_iter().collect() }
}

async fn ids(catalog: &Catalog) -> Vec<String> {
    catalog.live_files().await.unwrap().into_iter().map(|file| file.id).collect()
}

#[tokio::test]
async fn a_flush_is_all_or_nothing() {
    let (_directory, catalog) = catalog().await;
    let first = catalog.commit_flush(&[file("1")], &[mark("a", 0, 5)], &[], 100).await.unwrap();
    assert_eq!(first, FlushOutcome::Committed);
    assert_eq!(catalog.live_files().await.unwrap(), [file("1")]);

    // Another server stored frames of `a` since this one read the mark (version 0).
    let second =
        catalog.commit_flush(&[file("2")], &[mark("b", 0, 1), mark("a", 0, 9)], &[], 100).await.unwrap();
    assert_eq!(second, FlushOutcome::Conflict(vec![mark("a", 0, 0).key]));
    assert_eq!(ids(&catalog).await, ["1"]);
    assert_eq!(catalog.mark(&mark("b", 0, 0).key).await.unwrap().stored, SequenceSet::new());

    let stored = catalog.mark(&mark("a", 0, 0).key).await.unwrap();
    assert_eq!((stored.version, stored.stored.len()), (1, 5));
    let third = catalog.commit_flush(&[file("2")], &[mark("a", 1, 9)], &[], 100).await.unwrap();
    assert_eq!(third, FlushOutcome::Committed);
    assert_eq!(
        catalog.commit_flush(&[], &[mark("a", 1, 10)], &[], 100).await.unwrap(),
        FlushOutcome::Conflict(vec![mark("a", 0, 0).key])
    );
    assert_eq!(ids(&catalog).await, ["1", "2"]);
}

#[tokio::test]
async fn a_file_id_that_is_taken_takes_the_marks_back() {
    let (_directory, catalog) = catalog().await;
    catalog.commit_flush(&[file("1")], &[], &[], 0).await.unwrap();
    catalog.commit_flush(&[file("1")], &[mark("a", 0, 5)], &[], 0).await.unwrap_err();
    assert_eq!(catalog.mark(&mark("a", 0, 0).key).await.unwrap().version, 0);
}

fn change(removed: &[&str], added: &[&str], rolled: &[&str]) -> FileChange {
    let ids = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect();
    FileChange {
        removed: ids(removed),
        added: added.iter().map(|id| file(id)).collect(),
        rolled: ids(rolled),
    }
}

#[tokio::test]
async fn files_are_replaced_once() {
    let (_directory, catalog) = catalog().await;
    catalog.commit_flush(&[file("1"), file("2")], &[], &[], 0).await.unwrap();
    assert!(catalog.change_files(&change(&["1", "2"], &["3"], &[])).await.unwrap());
    assert_eq!(ids(&catalog).await, ["3"]);
    assert!(!catalog.change_files(&change(&["3", "2"], &["4"], &[])).await.unwrap(), "2 is not live");
    assert_eq!(ids(&catalog).await, ["3"]);

    let removed: Vec<_> =
        catalog.removed_files().await.unwrap().into_iter().map(|(file, state)| (file.id, state)).collect();
    assert_eq!(removed, [("1".to_owned(), FileState::Removed), ("2".to_owned(), FileState::Removed)]);
    catalog.forget_files(&["1".into(), "2".into(), "3".into()]).await.unwrap();
    assert_eq!(catalog.removed_files().await.unwrap(), []);
    assert_eq!(ids(&catalog).await, ["3"], "a live file is not forgotten");
    assert!(catalog.knows_file("3").await.unwrap() && !catalog.knows_file("1").await.unwrap());
}

#[tokio::test]
async fn a_file_is_rolled_up_once_and_only_while_it_is_live() {
    let (_directory, catalog) = catalog().await;
    catalog.commit_flush(&[file("1"), file("2")], &[], &[], 0).await.unwrap();
    assert!(catalog.change_files(&change(&[], &["3"], &["1"])).await.unwrap());
    let rolled: Vec<_> = catalog.live_files().await.unwrap().into_iter().map(|file| file.rolled).collect();
    assert_eq!(rolled, [true, false, false]);
    assert!(!catalog.change_files(&change(&[], &["4"], &["1"])).await.unwrap(), "its rows would count twice");
    assert!(catalog.change_files(&change(&["2"], &[], &[])).await.unwrap());
    assert!(!catalog.change_files(&change(&[], &["4"], &["2"])).await.unwrap(), "it is not live");
    assert_eq!(ids(&catalog).await, ["1", "3"]);
}

#[tokio::test]
async fn a_damaged_file_is_taken_from_readers_and_kept_in_mind() {
    let (_directory, catalog) = catalog().await;
    catalog.commit_flush(&[file("1")], &[], &[], 0).await.unwrap();
    catalog.set_damaged("1", std::path::Path::new("host/x.damaged")).await.unwrap();
    assert_eq!(ids(&catalog).await, Vec::<String>::new());
    let (record, state) = catalog.removed_files().await.unwrap().remove(0);
    assert_eq!((record.path.to_str(), state), (Some("host/x.damaged"), FileState::Damaged));
}

#[tokio::test]
async fn marks_not_written_for_long_are_forgotten() {
    let (_directory, catalog) = catalog().await;
    catalog.commit_flush(&[], &[mark("a", 0, 1)], &[], 100).await.unwrap();
    catalog.commit_flush(&[], &[mark("b", 0, 1)], &[], 200).await.unwrap();
    assert_eq!(catalog.forget_marks(150).await.unwrap(), 1);
    assert_eq!(catalog.mark(&mark("a", 0, 0).key).await.unwrap().version, 0);
    assert_eq!(catalog.mark(&mark("b", 0, 0).key).await.unwrap().version, 1);
}

#[tokio::test]
async fn files_of_before_some_levels_have_none_of_them() {
    let (directory, catalog) = catalog().await;
    assert_eq!(catalog.levels_since().await.unwrap(), []);
    let of_minutes = FileRecord { table: "host_1m".into(), time_max_ms: 41, ..file("1") };
    catalog.commit_flush(&[of_minutes, file("2")], &[], &[], 0).await.unwrap();
    sqlx::raw_sql("DROP TABLE history_levels; DELETE FROM catalog_schema WHERE version >= 12")
        .execute(&catalog.pool)
        .await
        .unwrap();
    catalog.close().await;
    let catalog = Catalog::open(&directory.path().join("catalog.sqlite")).await.unwrap();
    let known = |ten_minutes, days| [("10m".to_owned(), ten_minutes), ("1d".to_owned(), days)];
    assert_eq!(catalog.levels_since().await.unwrap(), known(42, 42));
    for (said, expected) in [(7, 42), (50, 50)] {
        catalog.set_level_since("10m", said).await.unwrap();
        assert_eq!(catalog.levels_since().await.unwrap(), known(expected, 42));
    }
    catalog.rebuild_files(&[], &[], &[("1d", 3)], &[], 0).await.unwrap();
    assert_eq!(catalog.levels_since().await.unwrap(), [("1d".to_owned(), 3)]);
}

#[tokio::test]
async fn marks_of_lost_agents_are_found_by_their_stream_and_stay() {
    let (_dir, catalog) = crate::open_for_tests().await;
    catalog.host_for_join("web", b"m", "h", 1).await.unwrap();
    let agent = |id: &str| crate::NewAgent {
        agent_id: id.to_owned(),
        host_id: "h".to_owned(),
        certificate_hash: [id.len() as u8; 32],
        not_after_ms: 99,
        created_ms: 1,
    };
    catalog.add_agent(&agent("known")).await.unwrap();
    let mark = |agent_id: &str, stream: u8, sequence: u64| MarkUpdate {
        key: StreamKey { agent_id: agent_id.into(), stream: [stream; 16] },
        version: 0,
        stored: [sequence..=sequence].into_iter().collect(),
    };
    let marks = [mark("known", 1, 1), mark("lost", 2, 2), mark("lost as well", 2, 3), mark("server", 3, 4)];
    catalog.rebuild_files(&[], &marks, &[], &[], 0).await.unwrap();
    assert_eq!(catalog.forget_orphans().await.unwrap(), 0);
    let owner = async |stream: u8| catalog.stream_owner("h", [stream; 16]).await.unwrap();
    assert_eq!(owner(1).await.as_deref(), Some("known"));
    assert_eq!(owner(2).await.as_deref(), Some(crate::FOUND_AGENT));
    assert_eq!(owner(3).await, None);
    let key = StreamKey { agent_id: crate::FOUND_AGENT.into(), stream: [2; 16] };
    assert_eq!(catalog.mark(&key).await.unwrap().stored, [2..=3].into_iter().collect());
    // Who names it goes on with it, whatever its clock says later.
    catalog.save_clock(&key, "clock", 5).await.unwrap();
    assert_eq!(catalog.forget_orphans().await.unwrap(), 0);
    assert_eq!(catalog.clock(&key).await.unwrap().as_deref(), Some("clock"));
}
