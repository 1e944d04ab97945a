//! What many hosts have in common that others have not: the network behind a cut link, a kernel, a name.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use crate::alert::Alert;
use crate::host::Host;

/// Fewer hosts have anything in common by chance.
const MIN_HOSTS: usize = 3;
/// What is said at most.
const MAX_SAID: usize = 3;

/// Sentences such as `network 10.1.2.0/24 (600 of its 612 hosts)`, the most telling first.
pub(super) fn shared(alerts: &[&Alert], hosts: &[Host]) -> Vec<String> {
    let affected: BTreeSet<&str> = alerts.iter().map(|alert| &*alert.key.host_id).collect();
    if affected.len() < MIN_HOSTS {
        return Vec::new();
    }
    let mut counts: BTreeMap<(&'static str, String), (usize, usize)> = BTreeMap::new();
    for host in hosts {
        let is_affected = affected.contains(&*host.key.id);
        for attribute in attributes(host) {
            let (inside, all) = counts.entry(attribute).or_default();
            *inside += usize::from(is_affected);
            *all += 1;
        }
    }
    // Nearly all affected hosts have it, most that have it are affected, and not simply all hosts have it.
    let telling = |(inside, all): &(usize, usize)| {
        inside * 10 >= affected.len() * 9
            && inside * 2 >= *all
            && (*all < hosts.len() || *inside == hosts.len())
    };
    let mut found: Vec<_> = counts.into_iter().filter(|(_, count)| telling(count)).collect();
    found.sort_by_key(|(_, (inside, all))| (all - inside, *all));
    let said = found.into_iter().take(MAX_SAID).map(|((what, value), (inside, all))| {
        if inside == all {
            format!("{what} {value} (all {all} of its hosts)")
        } else {
            format!("{what} {value} ({inside} of its {all} hosts)")
        }
    });
    said.collect()
}

fn attributes(host: &Host) -> BTreeSet<(&'static str, String)> {
    let facts = &host.facts;
    let mut attributes = BTreeSet::new();
    for address in &facts.addresses {
        attributes.extend(network(address).map(|network| ("network", network)));
    }
    let stem: &str = host.key.name.split(|c: char| c.is_ascii_digit() || c == '-').next().unwrap_or_default();
    let plain = [
        ("name", if stem.is_empty() { String::new() } else { format!("{stem}…") }),
        ("system", facts.os.clone()),
        ("kernel", facts.kernel.clone()),
        ("agent", facts.agent_version.clone()),
    ];
    attributes.extend(plain.into_iter().filter(|(_, value)| !value.is_empty()));
    attributes.extend(host.tags.iter().map(|tag| ("tag", tag.clone())));
    attributes
}

fn network(address: &str) -> Option<String> {
    let address = address.split('/').next()?;
    match address.parse().ok()? {
        IpAddr::V4(address) => {
            let [a, b, c, _] = address.octets();
            Some(format!("{a}.{b}.{c}.0/24"))
        }
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            Some(format!("{a:x}:{b:x}:{c:x}:{d:x}::/64"))
        }
    }
}
