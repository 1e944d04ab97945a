//! Tags that people gave hosts.

use std::collections::HashMap;

use sqlx::Row;
use sqlx::sqlite::SqliteExecutor;

use super::{HostChange, host_key};
use crate::agents::count_change;
use crate::audit;
use crate::{Catalog, CatalogError, WriteTransaction};

impl Catalog {
    /// Gives a host these tags in place of those that were set before, and notes who did; tags are in order and
    /// checked. `false` when there is no such host.
    pub async fn set_host_tags(
        &self,
        host_id: &str,
        tags: &[String],
        change: &HostChange,
    ) -> Result<bool, CatalogError> {
        let doing = CatalogError::query("set tags of a host");
        let mut transaction = self.begin_write("set tags of a host").await?;
        let found = sqlx::query("SELECT id, name FROM hosts WHERE id = ?")
            .bind(host_id)
            .fetch_optional(&mut *transaction)
            .await
            .map_err(&doing)?;
        let Some(found) = found else { return Ok(false) };
        let host = host_key(&found).map_err(&doing)?;
        let before = of_host(&mut *transaction, host_id).await.map_err(&doing)?;
        if before == tags {
            return Ok(true);
        }
        sqlx::query("DELETE FROM host_tags WHERE host_id = ?")
            .bind(host_id)
            .execute(&mut *transaction)
            .await
            .map_err(&doing)?;
        insert(&mut transaction, host_id, tags).await.map_err(&doing)?;
        let text = |tags: &[String]| (!tags.is_empty()).then(|| tags.join(" "));
        let entry = change.entry("host.tags", &host.name, text(&before), text(tags));
        audit::write(&mut transaction, &entry).await.map_err(&doing)?;
        count_change(&mut transaction).await.map_err(&doing)?;
        transaction.commit().await.map_err(doing)?;
        Ok(true)
    }

    /// Tags that were set, by the host's id; hosts without any are left out.
    pub async fn host_tags(&self) -> Result<HashMap<String, Vec<String>>, CatalogError> {
        let doing = CatalogError::query("list tags of hosts");
        let rows = sqlx::query("SELECT host_id, tag FROM host_tags ORDER BY host_id, tag")
            .fetch_all(&self.pool)
            .await
            .map_err(&doing)?;
        let mut tags: HashMap<String, Vec<String>> = HashMap::new();
        for row in &rows {
            let host_id: String = row.try_get("host_id").map_err(&doing)?;
            tags.entry(host_id).or_default().push(row.try_get("tag").map_err(&doing)?);
        }
        Ok(tags)
    }
}

/// Tags that were set of one host, in order.
pub(crate) async fn of_host(
    executor: impl SqliteExecutor<'_>,
    host_id: &str,
) -> Result<Vec<String>, sqlx::Error> {
    let mut tags: Vec<String> = sqlx::query_scalar("SELECT tag FROM host_tags WHERE host_id = ?")
        .bind(host_id)
        .fetch_all(executor)
        .await?;
    // Databases differ in what comes first.
    tags.sort();
    Ok(tags)
}

/// Adds tags to a host that has none.
pub(crate) async fn insert(
    transaction: &mut WriteTransaction,
    host_id: &str,
    tags: &[String],
) -> Result<(), sqlx::Error> {
    for tag in tags {
        sqlx::query("INSERT INTO host_tags (host_id, tag) VALUES (?, ?)")
            .bind(host_id)
            .bind(tag)
            .execute(&mut **transaction)
            .await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use tacho_model::HostFacts;

    use crate::hosts::change_for_tests as change;
    use crate::open_for_tests as catalog;

    fn strings(tags: &[&str]) -> Vec<String> {
        tags.iter().map(|tag| (*tag).to_owned()).collect()
    }

    #[tokio::test]
    async fn tags_are_replaced_noted_and_gone_with_their_host() {
        let (_dir, catalog) = catalog().await;
        catalog.host_for_join("web", b"m1", "h1", 0).await.unwrap();
        let before = catalog.inventory_number().await.unwrap();
        assert!(catalog.set_host_tags("h1", &strings(&["canary", "dc=eu"]), &change(1)).await.unwrap());
        assert!(catalog.inventory_number().await.unwrap() > before);
        assert!(catalog.set_host_tags("h1", &strings(&["dc=us"]), &change(2)).await.unwrap());
        assert!(catalog.set_host_tags("h1", &strings(&["dc=us"]), &change(3)).await.unwrap());
        assert!(!catalog.set_host_tags("h9", &[], &change(4)).await.unwrap());
        assert_eq!(catalog.host_tags().await.unwrap(), [("h1".to_owned(), strings(&["dc=us"]))].into());
        let noted = catalog.audit_entries(None, 9).await.unwrap();
        let texts: Vec<_> =
            noted.iter().map(|entry| (entry.before.as_deref(), entry.after.as_deref())).collect();
        assert_eq!(texts, [(Some("canary dc=eu"), Some("dc=us")), (None, Some("canary dc=eu"))]);
        let facts = HostFacts { tags: strings(&["dc=eu", "rack=7"]), ..HostFacts::default() };
        catalog.save_facts("h1", &facts, 5).await.unwrap();
        for host in [catalog.host("web").await.unwrap().unwrap(), catalog.hosts().await.unwrap().remove(0)] {
            assert_eq!(
                (host.own_tags.clone(), host.tags()),
                (strings(&["dc=us"]), strings(&["dc=us", "rack=7"]))
            );
        }
        catalog.remove_host("h1", &change(9)).await.unwrap();
        assert!(catalog.host_tags().await.unwrap().is_empty());
    }
}
