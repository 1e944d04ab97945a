use tacho_catalog::FileChange;
use tempfile::TempDir;

use super::*;

/// A data directory with a catalog and files of the history.
struct Data {
    directory: TempDir,
    catalog: Catalog,
}

impl Data {
    async fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let catalog = Catalog::open(&directory.path().join(CATALOG)).await.unwrap();
        Self { directory, catalog }
    }

    /// A file on disk, and what the catalog is to say of it.
    fn file(&self, id: &str) -> FileRecord {
        let path = PathBuf::from(format!("host/2026-11-20/{id}.parquet"));
        let whole = self.directory.path().join(HISTORY).join(&path);
        fs::create_dir_all(whole.parent().unwrap()).unwrap();
        fs::write(&whole, id).unwrap();
        FileRecord {
            id: id.to_owned(),
            table: "host".to_owned(),
            path,
            level: 0,
            host_min: "a".to_owned(),
            host_max: "b".to_owned(),
            time_min_ms: 1,
            time_max_ms: 2,
            rows: 3,
            bytes: i64::try_from(id.len()).unwrap(),
            checksum: crc32fast::hash(id.as_bytes()),
            written_ms: 5,
            rolled: false,
        }
    }

    async fn add(&self, id: &str) {
        let file = self.file(id);
        self.catalog.commit_flush(&[file], &[], &[], 0).await.unwrap();
    }

    /// As a merge does whose grace period is over when the backup comes to the first file.
    async fn replace(&self, old: &str, new: &str) {
        let change = FileChange {
            removed: vec![old.to_owned()],
            added: vec![self.file(new)],
            ..FileChange::default()
        };
        assert!(self.catalog.change_files(&change).await.unwrap());
        self.remove(old);
    }

    fn remove(&self, id: &str) {
        let path = format!("host/2026-11-20/{id}.parquet");
        fs::remove_file(self.directory.path().join(HISTORY).join(path)).unwrap();
    }

    async fn backup(&self, to: &Path, copies: bool, meanwhile: impl AsyncFnMut()) -> anyhow::Result<Done> {
        copy_whole(&self.catalog, self.directory.path(), to, copies, meanwhile).await
    }
}

/// What a backup's catalog names, each with its content.
async fn content(backup: &Path) -> Vec<(String, String)> {
    let files = files_of(&backup.join(CATALOG)).await.unwrap();
    let content = |path: &Path| fs::read_to_string(backup.join(HISTORY).join(path)).unwrap();
    files.iter().map(|file| (file.id.clone(), content(&file.path))).collect()
}

fn named(ids: &[&str]) -> Vec<(String, String)> {
    ids.iter().map(|id| ((*id).to_owned(), (*id).to_owned())).collect()
}

#[tokio::test]
async fn a_file_that_is_replaced_and_deleted_meanwhile_is_left_out_and_what_replaced_it_is_there() {
    for copies in [false, true] {
        let (data, to) = (Data::new().await, tempfile::tempdir().unwrap());
        data.add("kept").await;
        data.add("replaced").await;
        let mut rounds = 0;
        let done = data.backup(to.path(), copies, async || {
            rounds += 1;
            if rounds == 1 {
                data.replace("replaced", "replacing").await;
            }
        });
        let done = done.await.unwrap();
        assert_eq!(rounds, 2, "the catalog is copied again");
        assert_eq!((done.files, done.new), (2, 2));
        assert_eq!(content(to.path()).await, named(&["kept", "replacing"]));
        assert!(!to.path().join(CATALOG).with_added_extension(NEW).exists());
    }
}

#[tokio::test]
async fn a_backup_that_a_file_is_missing_of_leaves_the_one_before() {
    let (data, to) = (Data::new().await, tempfile::tempdir().unwrap());
    data.add("first").await;
    data.backup(to.path(), false, async || ()).await.unwrap();
    data.add("lost").await;
    data.remove("lost");
    let mut rounds = 0;
    let failed = data.backup(to.path(), false, async || rounds += 1).await.unwrap_err();
    assert_eq!(rounds, ROUNDS);
    assert!(failed.to_string().contains("missing from the disk"), "{failed}");
    assert_eq!(content(to.path()).await, named(&["first"]));
}
