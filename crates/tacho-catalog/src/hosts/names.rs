//! What hosts are called. A host keeps its id, and so its history, whatever its name is.

use tacho_model::HostKey;

use super::{HostChange, host_key};
use crate::agents::count_change;
use crate::audit;
use crate::{Catalog, CatalogError};

/// What came of renaming a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Renamed {
    Done(HostKey),
    /// Another host has the name.
    Taken,
    /// There is no such host.
    Unknown,
}

impl Catalog {
    /// Gives a host another name, and notes who did. It is still found by the old one as long as no other host has that.
    pub async fn rename_host(
        &self,
        host_id: &str,
        name: &str,
        change: &HostChange,
    ) -> Result<Renamed, CatalogError> {
        let doing = CatalogError::query("rename a host");
        let mut transaction = self.begin_write("rename a host").await?;
        let found = sqlx::query("SELECT id, name FROM hosts WHERE id = ?")
            .bind(host_id)
            .fetch_optional(&mut *transaction)
            .await
            .map_err(&doing)?;
        let Some(found) = found else { return Ok(Renamed::Unknown) };
        let old = host_key(&found).map_err(&doing)?;
        if &*old.name == name {
            return Ok(Renamed::Done(old));
        }
        let taken = sqlx::query("SELECT 1 FROM hosts WHERE name = ?")
            .bind(name)
            .fetch_optional(&mut *transaction)
            .await
            .map_err(&doing)?;
        if taken.is_some() {
            return Ok(Renamed::Taken);
        }
        // The new one may be a former one of its own; the old one may have been noted before.
        for former in [name, &old.name] {
            sqlx::query("DELETE FROM host_names WHERE name = ? AND host_id = ?")
                .bind(former)
                .bind(host_id)
                .execute(&mut *transaction)
                .await
                .map_err(&doing)?;
        }
        sqlx::query("INSERT INTO host_names (name, host_id, renamed_ms) VALUES (?, ?, ?)")
            .bind(&*old.name)
            .bind(host_id)
            .bind(change.time_ms)
            .execute(&mut *transaction)
            .await
            .map_err(&doing)?;
        sqlx::query("UPDATE hosts SET name = ? WHERE id = ?")
            .bind(name)
            .bind(host_id)
            .execute(&mut *transaction)
            .await
            .map_err(&doing)?;
        let texts = (Some(old.name.to_string()), Some(name.to_owned()));
        let entry = change.entry("host.rename", name, texts.0, texts.1);
        audit::write(&mut transaction, &entry).await.map_err(&doing)?;
        count_change(&mut transaction).await.map_err(&doing)?;
        transaction.commit().await.map_err(doing)?;
        Ok(Renamed::Done(HostKey { id: old.id, name: name.into() }))
    }

    /// Id of the host that had this name last, before it was renamed.
    pub(super) async fn host_of_former_name(&self, name: &str) -> Result<Option<String>, CatalogError> {
        sqlx::query_scalar("SELECT host_id FROM host_names WHERE name = ? ORDER BY renamed_ms DESC LIMIT 1")
            .bind(name)
            .fetch_optional(&self.pool)
            .await
            .map_err(CatalogError::query("look up a former name of a host"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hosts::change_for_tests as change;
    use crate::open_for_tests as catalog;

    #[tokio::test]
    async fn a_renamed_host_is_the_same_and_found_by_both_names() {
        let (_dir, catalog) = catalog().await;
        catalog.host_for_join("web", b"m1", "h1", 0).await.unwrap();
        catalog.host_for_join("db", b"m2", "h2", 0).await.unwrap();
        assert_eq!(catalog.rename_host("h1", "db", &change(1)).await.unwrap(), Renamed::Taken);
        assert_eq!(catalog.rename_host("h9", "x", &change(1)).await.unwrap(), Renamed::Unknown);
        let before = catalog.inventory_number().await.unwrap();
        let renamed = HostKey { id: "h1".into(), name: "shop".into() };
        assert_eq!(
            catalog.rename_host("h1", "shop", &change(1)).await.unwrap(),
            Renamed::Done(renamed.clone())
        );
        assert!(catalog.inventory_number().await.unwrap() > before);
        for name in ["shop", "web", "h1"] {
            assert_eq!(catalog.host(name).await.unwrap().unwrap().key, renamed, "{name}");
        }
        // Joined again under what it calls itself: still the same, by the name it was given.
        assert_eq!(catalog.host_for_join("web", b"m1", "h3", 2).await.unwrap(), renamed);
        // Another host takes the old name, and it is that one's from then on.
        assert_eq!(&*catalog.host_for_join("web", b"m4", "h4", 3).await.unwrap().id, "h4");
        assert_eq!(&*catalog.host("web").await.unwrap().unwrap().key.id, "h4");
        assert_eq!(catalog.rename_host("h1", "web", &change(4)).await.unwrap(), Renamed::Taken);
        // There and back again.
        assert_eq!(
            catalog.rename_host("h2", "x", &change(5)).await.unwrap(),
            Renamed::Done(HostKey { id: "h2".into(), name: "x".into() })
        );
        assert_eq!(
            catalog.rename_host("h2", "db", &change(6)).await.unwrap(),
            Renamed::Done(HostKey { id: "h2".into(), name: "db".into() })
        );
        assert_eq!(&*catalog.host("x").await.unwrap().unwrap().key.name, "db");
        let noted = catalog.audit_entries(None, 9).await.unwrap();
        let renamed = &noted[2];
        assert_eq!(
            (renamed.action.as_str(), renamed.before.as_deref(), renamed.after.as_deref()),
            ("host.rename", Some("web"), Some("shop"))
        );
        assert_eq!(noted.len(), 3, "what was not done is not noted");
    }
}
