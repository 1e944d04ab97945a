//! The inventory of hosts. A host stays in it, whether it is up or not, until somebody removes it.

use std::sync::Arc;

use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};
use tacho_model::{HostFacts, HostKey, merge_tags};

use crate::agents::count_change;
use crate::audit::{self, AuditEntry};
use crate::{Catalog, CatalogError, hex};

mod names;
mod stored_facts;
pub(crate) mod tags;

pub use names::Renamed;
pub(crate) use stored_facts::read_facts;

/// A host of the inventory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostRecord {
    pub key: HostKey,
    /// Absent until its agent has sent any.
    pub facts: Option<HostFacts>,
    pub created_ms: i64,
    pub last_seen_ms: Option<i64>,
    /// Tags that were set here, in order.
    pub own_tags: Vec<String>,
}

/// Who changes a host, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostChange {
    /// Of the entry in the list of changes: unique, sorts by time.
    pub id: String,
    pub time_ms: i64,
    pub author: String,
}

impl HostChange {
    /// As it stands in the list of changes; `before` and `after` are what held.
    pub(crate) fn entry(
        &self,
        action: &str,
        host: &str,
        before: Option<String>,
        after: Option<String>,
    ) -> AuditEntry {
        AuditEntry {
            id: self.id.clone(),
            time_ms: self.time_ms,
            author: self.author.clone(),
            action: action.to_owned(),
            subject: host.to_owned(),
            before,
            after,
        }
    }
}

/// A host that files of the history tell of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundHost {
    pub id: String,
    /// In its newest row.
    pub name: String,
    /// Times of its oldest row and its newest.
    pub first_ms: i64,
    pub last_ms: i64,
}

/// Machine of a host that is known by its files alone, as no hash is: whoever joins first under its name is it.
const FOUND: &str = "found";

impl HostRecord {
    /// All its tags: those that were set here, and those of its agent's settings beside them.
    pub fn tags(&self) -> Vec<String> {
        merge_tags(&self.own_tags, self.facts.as_ref().map_or(&[], |facts| &facts.tags))
    }
}

impl Catalog {
    /// Finds or makes the host that an agent joins for. The same machine under the same name is the same
    /// host, so its history goes on; a name that another machine has gets `-2`, `-3`, … appended.
    /// `machine` may be empty when the machine can not tell who it is; then it is always another one.
    pub async fn host_for_join(
        &self,
        host_name: &str,
        machine: &[u8],
        new_host_id: &str,
        now_ms: i64,
    ) -> Result<HostKey, CatalogError> {
        self.host_for_join_beside(&[], host_name, machine, new_host_id, now_ms).await
    }

    /// The same, but never a host of `busy` (ids): their agents are connected, so who joins is a copy of them.
    pub async fn host_for_join_beside(
        &self,
        busy: &[Arc<str>],
        host_name: &str,
        machine: &[u8],
        new_host_id: &str,
        now_ms: i64,
    ) -> Result<HostKey, CatalogError> {
        self.join_host(busy, host_name, machine, new_host_id, now_ms)
            .await
            .map_err(CatalogError::query("find the host that joins"))
    }

    /// Hosts that a machine joined as under this name, the oldest first.
    pub async fn hosts_of_machine(
        &self,
        host_name: &str,
        machine: &[u8],
    ) -> Result<Vec<HostKey>, CatalogError> {
        let doing = CatalogError::query("look up a machine");
        let mut connection = self.pool.acquire().await.map_err(&doing)?;
        known_hosts(&mut connection, host_name, machine).await.map_err(doing)
    }

    /// Gives the place of a known host to who joins: from now on it is this machine. Absent: there is no such
    /// host.
    pub async fn take_host(
        &self,
        host_id: &str,
        host_name: &str,
        machine: &[u8],
    ) -> Result<Option<HostKey>, CatalogError> {
        let doing = CatalogError::query("join again as a known host");
        sqlx::query("UPDATE hosts SET join_name = ?, machine = ? WHERE id = ?")
            .bind(host_name)
            .bind(hex(machine))
            .bind(host_id)
            .execute(&self.pool)
            .await
            .map_err(&doing)?;
        let row = sqlx::query("SELECT id, name FROM hosts WHERE id = ?")
            .bind(host_id)
            .fetch_optional(&self.pool)
            .await
            .map_err(&doing)?;
        row.as_ref().map(host_key).transpose().map_err(doing)
    }

    async fn join_host(
        &self,
        busy: &[Arc<str>],
        host_name: &str,
        machine: &[u8],
        new_host_id: &str,
        now_ms: i64,
    ) -> Result<HostKey, sqlx::Error> {
        // Takes the write lock at once: otherwise two that join together could be given one name.
        let mut transaction = self.pool.begin_with("BEGIN IMMEDIATE").await?;
        let known = known_hosts(&mut transaction, host_name, machine).await?;
        if let Some(free) = known.into_iter().find(|host| !busy.contains(&host.id)) {
            return Ok(free);
        }
        let found = sqlx::query("SELECT id, name FROM hosts WHERE machine = ? AND join_name = ?")
            .bind(FOUND)
            .bind(host_name)
            .fetch_optional(&mut *transaction)
            .await?;
        if let Some(found) = found.as_ref().map(host_key).transpose()? {
            sqlx::query("UPDATE hosts SET machine = ? WHERE id = ?")
                .bind(hex(machine))
                .bind(&*found.id)
                .execute(&mut *transaction)
                .await?;
            transaction.commit().await?;
            return Ok(found);
        }
        let name = free_name(&mut transaction, host_name).await?;
        sqlx::query("INSERT INTO hosts (id, name, join_name, machine, created_ms) VALUES (?, ?, ?, ?, ?)")
            .bind(new_host_id)
            .bind(&name)
            .bind(host_name)
            .bind(hex(machine))
            .bind(now_ms)
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(HostKey { id: Arc::from(new_host_id), name: Arc::from(name) })
    }

    /// Keeps the newest facts of a host.
    pub async fn save_facts(
        &self,
        host_id: &str,
        facts: &HostFacts,
        now_ms: i64,
    ) -> Result<(), CatalogError> {
        let doing = "store facts of a host";
        let json = stored_facts::write_facts(facts)
            .map_err(|error| CatalogError::query(doing)(sqlx::Error::Encode(Box::new(error))))?;
        sqlx::query("UPDATE hosts SET facts = ?, last_seen_ms = ? WHERE id = ?")
            .bind(json)
            .bind(now_ms)
            .bind(host_id)
            .execute(&self.pool)
            .await
            .map_err(CatalogError::query(doing))?;
        Ok(())
    }

    /// All hosts by name.
    pub async fn hosts(&self) -> Result<Vec<HostRecord>, CatalogError> {
        let mut tags = self.host_tags().await?;
        let rows = sqlx::query("SELECT id, name, facts, created_ms, last_seen_ms FROM hosts ORDER BY name")
            .fetch_all(&self.pool)
            .await;
        let record = |row: &SqliteRow| {
            let record = host_record(row)?;
            Ok(HostRecord { own_tags: tags.remove(&*record.key.id).unwrap_or_default(), ..record })
        };
        rows.and_then(|rows| rows.iter().map(record).collect()).map_err(CatalogError::query("list hosts"))
    }

    /// The host with this name or id, or the one that had the name before it was renamed; where one host's name
    /// is another's id, the name counts.
    pub async fn host(&self, name_or_id: &str) -> Result<Option<HostRecord>, CatalogError> {
        if let Some(host) = self.host_now(name_or_id).await? {
            return Ok(Some(host));
        }
        match self.host_of_former_name(name_or_id).await? {
            Some(id) => self.host_now(&id).await,
            None => Ok(None),
        }
    }

    async fn host_now(&self, name_or_id: &str) -> Result<Option<HostRecord>, CatalogError> {
        let doing = CatalogError::query("look up a host");
        let row = sqlx::query(
            "SELECT id, name, facts, created_ms, last_seen_ms FROM hosts WHERE name = ? OR id = ? \
             ORDER BY CASE WHEN name = ? THEN 0 ELSE 1 END LIMIT 1",
        )
        .bind(name_or_id)
        .bind(name_or_id)
        .bind(name_or_id)
        .fetch_optional(&self.pool)
        .await
        .map_err(&doing)?;
        let Some(row) = row else { return Ok(None) };
        let record = host_record(&row).map_err(&doing)?;
        let own_tags = tags::of_host(&self.pool, &record.key.id).await.map_err(doing)?;
        Ok(Some(HostRecord { own_tags, ..record }))
    }

    /// Notes that a host was heard of.
    pub async fn touch_host(&self, host_id: &str, now_ms: i64) -> Result<(), CatalogError> {
        sqlx::query("UPDATE hosts SET last_seen_ms = ? WHERE id = ?")
            .bind(now_ms)
            .bind(host_id)
            .execute(&self.pool)
            .await
            .map_err(CatalogError::query("note that a host was heard of"))?;
        Ok(())
    }

    /// Takes a host and its agents out of the inventory: their certificates are unknown from now on, their
    /// marks, clocks and gaps are gone. Its history stays until retention drops it. Notes who did. `false` when
    /// there is no such host.
    pub async fn remove_host(&self, host_id: &str, change: &HostChange) -> Result<bool, CatalogError> {
        let doing = CatalogError::query("remove a host");
        let mut transaction = self.begin_write("remove a host").await?;
        let found = sqlx::query("SELECT id, name FROM hosts WHERE id = ?")
            .bind(host_id)
            .fetch_optional(&mut *transaction)
            .await
            .map_err(&doing)?;
        let Some(found) = found else { return Ok(false) };
        let host = host_key(&found).map_err(&doing)?;
        for sql in [
            "DELETE FROM delivery_marks WHERE agent_id IN (SELECT id FROM agents WHERE host_id = ?)",
            "DELETE FROM delivery_clocks WHERE agent_id IN (SELECT id FROM agents WHERE host_id = ?)",
            "DELETE FROM delivery_gaps WHERE host_id = ?",
        ] {
            sqlx::query(sql).bind(host_id).execute(&mut *transaction).await.map_err(&doing)?;
        }
        sqlx::query("DELETE FROM hosts WHERE id = ?")
            .bind(host_id)
            .execute(&mut *transaction)
            .await
            .map_err(&doing)?;
        let entry = change.entry("host.remove", &host.name, Some(host_id.to_owned()), None);
        audit::write(&mut transaction, &entry).await.map_err(&doing)?;
        count_change(&mut transaction).await.map_err(&doing)?;
        transaction.commit().await.map_err(doing)?;
        Ok(true)
    }
}

async fn known_hosts(
    connection: &mut SqliteConnection,
    host_name: &str,
    machine: &[u8],
) -> Result<Vec<HostKey>, sqlx::Error> {
    if machine.is_empty() {
        return Ok(Vec::new());
    }
    let query = "SELECT id, name FROM hosts WHERE machine = ? AND join_name = ? ORDER BY created_ms, id";
    let rows = sqlx::query(query).bind(hex(machine)).bind(host_name).fetch_all(connection).await?;
    rows.iter().map(host_key).collect()
}

/// Adds hosts that are not in the inventory, and tells how many. Names of those that share one get a number.
pub(crate) async fn insert_found(
    connection: &mut SqliteConnection,
    hosts: &[FoundHost],
) -> Result<u64, sqlx::Error> {
    let mut added = 0;
    for host in hosts {
        let known = sqlx::query("SELECT 1 FROM hosts WHERE id = ?").bind(&host.id);
        if known.fetch_optional(&mut *connection).await?.is_some() {
            continue;
        }
        let name = free_name(connection, &host.name).await?;
        sqlx::query(
            "INSERT INTO hosts (id, name, join_name, machine, created_ms, last_seen_ms) VALUES (?, ?, ?, ?, ?, ?)",
        )
        .bind(&host.id)
        .bind(&name)
        .bind(&name)
        .bind(FOUND)
        .bind(host.first_ms)
        .bind(host.last_ms)
        .execute(&mut *connection)
        .await?;
        added += 1;
    }
    Ok(added)
}

pub(crate) async fn free_name(
    connection: &mut SqliteConnection,
    wanted: &str,
) -> Result<String, sqlx::Error> {
    let mut name = wanted.to_owned();
    let mut number = 1_u64;
    loop {
        let taken = sqlx::query("SELECT 1 FROM hosts WHERE name = ?")
            .bind(&name)
            .fetch_optional(&mut *connection)
            .await?
            .is_some();
        if !taken {
            return Ok(name);
        }
        number += 1;
        name = format!("{wanted}-{number}");
    }
}

fn host_key(row: &SqliteRow) -> Result<HostKey, sqlx::Error> {
    let id: String = row.try_get("id")?;
    let name: String = row.try_get("name")?;
    Ok(HostKey { id: Arc::from(id), name: Arc::from(name) })
}

fn host_record(row: &SqliteRow) -> Result<HostRecord, sqlx::Error> {
    let facts: Option<String> = row.try_get("facts")?;
    Ok(HostRecord {
        key: host_key(row)?,
        // Facts that can not be read come again with the agent's next connection; a host that can not
        // be listed for it would be worse.
        facts: facts.and_then(|json| stored_facts::read_facts(&json).ok()),
        created_ms: row.try_get("created_ms")?,
        last_seen_ms: row.try_get("last_seen_ms")?,
        own_tags: Vec::new(),
    })
}

#[cfg(test)]
pub(crate) fn change_for_tests(time_ms: i64) -> HostChange {
    HostChange { id: time_ms.to_string(), time_ms, author: "ann".to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::open_for_tests as catalog;

    #[tokio::test]
    async fn a_machine_that_joins_again_is_the_same_host_and_another_gets_a_number() {
        let (_dir, catalog) = catalog().await;
        let join = async |name: &str, machine: &[u8], id: &str| {
            let key = catalog.host_for_join(name, machine, id, 5).await.unwrap();
            (key.id.to_string(), key.name.to_string())
        };
        let pair = |id: &str, name: &str| (id.to_owned(), name.to_owned());
        assert_eq!(join("web", b"m1", "h1").await, pair("h1", "web"));
        assert_eq!(join("web", b"m2", "h2").await, pair("h2", "web-2"));
        assert_eq!(join("web", b"m3", "h3").await, pair("h3", "web-3"));
        assert_eq!(join("web", b"m1", "h4").await, pair("h1", "web"));
        assert_eq!(join("web", b"m2", "h5").await, pair("h2", "web-2"));
        assert_eq!(join("db", b"m1", "h6").await, pair("h6", "db"), "one machine, two containers");
        assert_eq!(join("web", b"", "h7").await, pair("h7", "web-4"));
        assert_eq!(join("web", b"", "h8").await, pair("h8", "web-5"), "unknown machines are never the same");
    }

    #[tokio::test]
    async fn a_host_that_files_tell_of_is_whoever_joins_first_under_its_name() {
        let (_dir, catalog) = catalog().await;
        catalog.host_for_join("db", b"m0", "h0", 5).await.unwrap();
        let found = |id: &str, name: &str| FoundHost {
            id: id.to_owned(),
            name: name.to_owned(),
            first_ms: 1,
            last_ms: 3,
        };
        let hosts = [found("h0", "old"), found("h1", "web"), found("h2", "web")];
        let mut transaction = catalog.begin_write("test").await.unwrap();
        assert_eq!(insert_found(&mut transaction, &hosts).await.unwrap(), 2);
        assert_eq!(insert_found(&mut transaction, &hosts).await.unwrap(), 0);
        transaction.commit().await.unwrap();
        let all = catalog.hosts().await.unwrap();
        let names: Vec<_> = all.iter().map(|host| (&*host.key.id, &*host.key.name)).collect();
        assert_eq!(names, [("h0", "db"), ("h1", "web"), ("h2", "web-2")]);
        assert_eq!((all[1].created_ms, all[1].last_seen_ms), (1, Some(3)));
        let join = async |name: &str, machine: &[u8], id: &str| {
            catalog.host_for_join(name, machine, id, 7).await.unwrap().id.to_string()
        };
        assert_eq!(join("web", b"m1", "h3").await, "h1");
        assert_eq!(join("web", b"m1", "h4").await, "h1", "the same machine again");
        assert_eq!(join("web", b"m2", "h5").await, "h5", "another one");
        assert_eq!(join("web-2", b"", "h6").await, "h2");
        assert_eq!(join("web-2", b"", "h7").await, "h7");
    }

    #[tokio::test]
    async fn a_copy_of_a_connected_machine_is_another_host_and_a_named_place_can_be_taken() {
        let (_dir, catalog) = catalog().await;
        let busy: [Arc<str>; 1] = [Arc::from("h1")];
        catalog.host_for_join("web", b"m1", "h1", 5).await.unwrap();
        let copy = catalog.host_for_join_beside(&busy, "web", b"m1", "h2", 5).await.unwrap();
        assert_eq!((&*copy.id, &*copy.name), ("h2", "web-2"));
        // While the first is connected, it is the second that joins again.
        assert_eq!(catalog.host_for_join_beside(&busy, "web", b"m1", "h3", 5).await.unwrap(), copy);
        assert_eq!(catalog.hosts_of_machine("web", b"m1").await.unwrap().len(), 2);
        // New machine, new name of its own, same host.
        let taken = catalog.take_host("h1", "www", b"m9").await.unwrap().unwrap();
        assert_eq!((&*taken.id, &*taken.name), ("h1", "web"));
        assert_eq!(catalog.host_for_join("www", b"m9", "h4", 6).await.unwrap(), taken);
        assert_eq!(catalog.take_host("h9", "www", b"m9").await.unwrap(), None);
    }

    #[tokio::test]
    async fn hosts_are_found_by_name_and_id_with_their_facts() {
        let (_dir, catalog) = catalog().await;
        let key = catalog.host_for_join("web", b"m", "h1", 5).await.unwrap();
        let bare = HostRecord { key, facts: None, created_ms: 5, last_seen_ms: None, own_tags: Vec::new() };
        assert_eq!(catalog.host("web").await.unwrap(), Some(bare.clone()));
        let facts = HostFacts { os: "Debian".to_owned(), ..HostFacts::default() };
        catalog.save_facts("h1", &facts, 7).await.unwrap();
        catalog.touch_host("h1", 9).await.unwrap();
        let full = HostRecord { facts: Some(facts), last_seen_ms: Some(9), ..bare };
        assert_eq!(catalog.host("h1").await.unwrap(), Some(full.clone()));
        assert_eq!(catalog.hosts().await.unwrap(), [full]);
        assert_eq!(catalog.host("nobody").await.unwrap(), None);
        let change = change_for_tests(9);
        assert!(catalog.remove_host("h1", &change).await.unwrap());
        assert!(!catalog.remove_host("h1", &change).await.unwrap());
        let noted = catalog.audit_entries(None, 9).await.unwrap();
        assert_eq!(noted, [change.entry("host.remove", "web", Some("h1".to_owned()), None)]);
        assert!(catalog.hosts().await.unwrap().is_empty());
    }
}
