//! The worst alert of each host, as the list of hosts shows it.

use std::collections::HashMap;
use std::sync::Arc;

use serde::Serialize;
use tacho_alert::Alert;
use utoipa::ToSchema;

use super::alerts::state_name;
use super::time::Time;
use crate::alerts::Shown;

/// The worst alert that fires on a host: one that is told before one that is muted, then by severity, then the newest.
#[derive(Serialize, ToSchema)]
pub(crate) struct WorstAlert {
    id: String,
    rule: String,
    /// `info`, `warning` or `critical`.
    severity: &'static str,
    /// What of the host; empty when it is the host itself.
    entity: String,
    text: String,
    fired: Time,
    /// `silenced`, `maintenance` or `inhibited`: it is not told, as all others of the host.
    muted: Option<&'static str>,
    /// Somebody looks after it.
    acknowledged: bool,
    /// The culprit, where one is known.
    process: Option<AlertCulprit>,
    /// How many alerts fire on the host, this one included.
    firing: usize,
}

#[derive(Serialize, ToSchema)]
struct AlertCulprit {
    pid: i64,
    start_time: Time,
}

/// Those of all hosts that have one, by the host's id.
pub(crate) fn worst_alerts(alerts: Vec<Shown>) -> HashMap<Arc<str>, WorstAlert> {
    let mut worst: HashMap<Arc<str>, (Shown, usize)> = HashMap::new();
    for shown in alerts.into_iter().filter(|shown| state_name(shown) == "firing") {
        let id = Arc::clone(&shown.alert.key.host_id);
        match worst.get_mut(&id) {
            Some((known, firing)) => {
                *firing += 1;
                if rank(&shown) > rank(known) {
                    *known = shown;
                }
            }
            None => drop(worst.insert(id, (shown, 1))),
        }
    }
    let entry = |(shown, firing)| WorstAlert::new(shown, firing);
    worst.into_iter().map(|(id, found)| (id, entry(found))).collect()
}

fn rank(shown: &Shown) -> (bool, tacho_alert::Severity, i64) {
    (shown.muted.is_none(), shown.alert.severity, fired_ms(&shown.alert))
}

fn fired_ms(alert: &Alert) -> i64 {
    alert.fired_ms.unwrap_or(alert.since_ms)
}

impl WorstAlert {
    fn new(shown: Shown, firing: usize) -> Self {
        let Shown { alert, muted, acknowledged, .. } = shown;
        let fired = Time(fired_ms(&alert));
        let culprit = alert.evidence.process.as_ref();
        Self {
            process: culprit.map(|line| AlertCulprit { pid: line.pid, start_time: Time(line.start_time_ms) }),
            id: alert.id.unwrap_or_default(),
            rule: alert.key.rule.to_string(),
            severity: alert.severity.name(),
            entity: alert.key.entity,
            text: alert.text,
            fired,
            muted,
            acknowledged: acknowledged.is_some(),
            firing,
        }
    }
}
