//! Who is a sentinel, in which order. Pure.

use std::net::{IpAddr, SocketAddr};

/// An agent that others can ask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Candidate {
    pub(super) agent_id: String,
    pub(super) host_name: String,
    /// `host:port`.
    pub(super) address: String,
}

/// At most `count` of `present`: those of `before` that are still there keep their order; the rest come from
/// networks that have none yet, as far as there are such, and then from any.
pub(super) fn rank(present: &[&Candidate], before: &[Candidate], count: usize) -> Vec<Candidate> {
    let find = |id: &str| present.iter().find(|candidate| candidate.agent_id == id);
    let mut ranked: Vec<Candidate> = Vec::new();
    for kept in before.iter().filter_map(|candidate| find(&candidate.agent_id)) {
        ranked.push((*kept).clone());
    }
    for only_new_networks in [true, false] {
        for candidate in present {
            let is_in = ranked.iter().any(|sentinel| sentinel.agent_id == candidate.agent_id);
            let is_near =
                ranked.iter().any(|sentinel| network(&sentinel.address) == network(&candidate.address));
            if ranked.len() < count && !is_in && !(only_new_networks && is_near) {
                ranked.push((*candidate).clone());
            }
        }
    }
    ranked.truncate(count);
    ranked
}

/// Machines with the same answer are likely to lose their network together.
fn network(address: &str) -> String {
    match address.parse::<SocketAddr>().map(|socket| socket.ip()) {
        Ok(IpAddr::V4(ip)) => {
            let [a, b, c, _] = ip.octets();
            format!("{a}.{b}.{c}")
        }
        Ok(IpAddr::V6(ip)) => format!("{:x?}", &ip.segments()[..4]),
        Err(_) => address.rsplit_once(':').map_or(address, |(host, _)| host).to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate(id: &str, address: &str) -> Candidate {
        Candidate { agent_id: id.to_owned(), host_name: id.to_owned(), address: address.to_owned() }
    }

    fn ids(ranked: &[Candidate]) -> Vec<&str> {
        ranked.iter().map(|candidate| candidate.agent_id.as_str()).collect()
    }

    #[test]
    fn sentinels_are_spread_and_stay_as_they_are() {
        let all = [
            candidate("a", "10.0.0.1:1"),
            candidate("b", "10.0.0.2:1"),
            candidate("c", "10.0.1.1:1"),
            candidate("d", "[2001:db8::1]:1"),
        ];
        let present: Vec<&Candidate> = all.iter().collect();
        let ranked = rank(&present, &[], 3);
        assert_eq!(ids(&ranked), ["a", "c", "d"]);
        assert_eq!(rank(&present, &ranked, 3), ranked);
        assert_eq!(ids(&rank(&present[1..], &ranked, 3)), ["c", "d", "b"]);
        assert_eq!(ids(&rank(&present[..2], &[], 3)), ["a", "b"], "one network is better than none");
        assert_eq!(ids(&rank(&present, &ranked, 1)), ["a"]);
        assert!(rank(&[], &ranked, 3).is_empty());
        let moved = candidate("a", "10.0.9.9:1");
        assert_eq!(rank(&[&moved], &ranked, 3)[0].address, "10.0.9.9:1");
    }
}
