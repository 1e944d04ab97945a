//! Host facts as the catalog keeps them: JSON. Names here are on disk; fields are only added.

use serde::{Deserialize, Serialize};
use tacho_model::{CollectorStatus, HostFacts};

#[derive(Serialize, Deserialize, Default)]
#[serde(default)]
struct StoredFacts {
    host_name: String,
    os: String,
    kernel: String,
    architecture: String,
    cpu_model: String,
    cpu_cores: u32,
    memory_bytes: u64,
    boot_time_ms: i64,
    boot_id: String,
    virtualization: String,
    addresses: Vec<String>,
    agent_version: String,
    agent_user: String,
    sampler: String,
    network: String,
    exits: String,
    tags: Vec<String>,
    collectors: Vec<StoredCollector>,
}

#[derive(Serialize, Deserialize, Default)]
#[serde(default)]
struct StoredCollector {
    name: String,
    absent: Vec<String>,
    error: String,
}

/// JSON of `facts`.
pub(super) fn write_facts(facts: &HostFacts) -> Result<String, serde_json::Error> {
    serde_json::to_string(&StoredFacts::from(facts.clone()))
}

/// Facts from JSON that [`write_facts`] wrote, in this version or an earlier one.
pub(crate) fn read_facts(json: &str) -> Result<HostFacts, serde_json::Error> {
    serde_json::from_str::<StoredFacts>(json).map(HostFacts::from)
}

impl From<HostFacts> for StoredFacts {
    fn from(facts: HostFacts) -> Self {
        Self {
            host_name: facts.host_name,
            os: facts.os,
            kernel: facts.kernel,
            architecture: facts.architecture,
            cpu_model: facts.cpu_model,
            cpu_cores: facts.cpu_cores,
            memory_bytes: facts.memory_bytes,
            boot_time_ms: facts.boot_time_ms,
            boot_id: facts.boot_id,
            virtualization: facts.virtualization,
            addresses: facts.addresses,
            agent_version: facts.agent_version,
            agent_user: facts.agent_user,
            sampler: facts.sampler,
            network: facts.network,
            exits: facts.exits,
            tags: facts.tags,
            collectors: facts
                .collectors
                .into_iter()
                .map(|status| StoredCollector {
                    name: status.name,
                    absent: status.absent,
                    error: status.error,
                })
                .collect(),
        }
    }
}

impl From<StoredFacts> for HostFacts {
    fn from(facts: StoredFacts) -> Self {
        Self {
            host_name: facts.host_name,
            os: facts.os,
            kernel: facts.kernel,
            architecture: facts.architecture,
            cpu_model: facts.cpu_model,
            cpu_cores: facts.cpu_cores,
            memory_bytes: facts.memory_bytes,
            boot_time_ms: facts.boot_time_ms,
            boot_id: facts.boot_id,
            virtualization: facts.virtualization,
            addresses: facts.addresses,
            agent_version: facts.agent_version,
            agent_user: facts.agent_user,
            sampler: facts.sampler,
            network: facts.network,
            exits: facts.exits,
            tags: facts.tags,
            collectors: facts
                .collectors
                .into_iter()
                .map(|status| CollectorStatus {
                    name: status.name,
                    absent: status.absent,
                    error: status.error,
                })
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_survive_and_fields_of_other_versions_do_no_harm() {
        let facts = HostFacts {
            host_name: "web-1".to_owned(),
            memory_bytes: u64::MAX,
            addresses: vec!["10.0.0.1".to_owned()],
            tags: vec!["db".to_owned()],
            collectors: vec![CollectorStatus {
                name: "process".to_owned(),
                absent: vec!["disk_read_bytes: denied".to_owned()],
                error: String::new(),
            }],
            ..HostFacts::default()
        };
        assert_eq!(read_facts(&write_facts(&facts).unwrap()).unwrap(), facts);
        let other = read_facts(r#"{"os":"Debian","colour":"red"}"#).unwrap();
        assert_eq!(other, HostFacts { os: "Debian".to_owned(), ..HostFacts::default() });
    }
}
