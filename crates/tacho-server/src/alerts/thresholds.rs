//! Thresholds of rules that are other on some hosts.

use tacho_alert::{HostPattern, HostThreshold};
use tacho_catalog::{CatalogError, RuleChange, ThresholdRecord};

use super::Alerts;

impl Alerts {
    /// Gives a rule another threshold on some hosts, from their next snapshots on.
    pub(crate) async fn set_threshold(&self, record: &ThresholdRecord) -> Result<(), CatalogError> {
        let _writing = self.inner.writing.lock().await;
        let before = self.threshold(&record.rule, &record.hosts).await?;
        let after = text(&record.hosts, record.threshold);
        let change = self.change(&record.rule, &record.author, before, Some(after));
        tracing::info!(
            rule = record.rule,
            hosts = record.hosts,
            threshold = record.threshold,
            by = record.author,
            "threshold set"
        );
        self.catalog().set_alert_threshold(record, &change).await?;
        self.read_thresholds().await
    }

    /// Takes it back; `false` when there is none.
    pub(crate) async fn remove_threshold(
        &self,
        rule: &str,
        hosts: &str,
        author: &str,
    ) -> Result<bool, CatalogError> {
        let _writing = self.inner.writing.lock().await;
        let before = self.threshold(rule, hosts).await?;
        let change = self.change(rule, author, before, None);
        let found = self.catalog().remove_alert_threshold(rule, hosts, &change).await?;
        if found {
            tracing::info!(rule, hosts, by = author, "threshold removed");
            self.read_thresholds().await?;
        }
        Ok(found)
    }

    /// Takes the thresholds of hosts as the catalog has them. To be called with `writing` held, or before anybody else
    /// knows of these alerts.
    pub(super) async fn read_thresholds(&self) -> Result<(), CatalogError> {
        let records = self.inner.catalog.alert_thresholds().await?;
        let read = |record: ThresholdRecord| {
            // The pattern was one when it was set.
            let hosts = HostPattern::new(&record.hosts).ok()?;
            Some(HostThreshold { rule: record.rule, hosts, threshold: record.threshold })
        };
        let thresholds = records.into_iter().filter_map(read).collect();
        self.core().engine.replace_thresholds(thresholds);
        Ok(())
    }

    async fn threshold(&self, rule: &str, hosts: &str) -> Result<Option<String>, CatalogError> {
        let records = self.catalog().alert_thresholds().await?;
        let found = records.iter().find(|record| record.rule == rule && record.hosts == hosts);
        Ok(found.map(|record| text(hosts, record.threshold)))
    }

    fn change(&self, rule: &str, author: &str, before: Option<String>, after: Option<String>) -> RuleChange {
        RuleChange {
            id: self.new_id(),
            time_ms: self.now_ms(),
            rule: rule.to_owned(),
            author: author.to_owned(),
            action: "threshold".to_owned(),
            note: String::new(),
            before,
            after,
        }
    }
}

fn text(hosts: &str, threshold: f64) -> String {
    format!("threshold {threshold} on hosts {hosts:?}")
}
