//! Starts of agents that were seen, to tell two machines that take turns under one identity from one whose agent
//! starts anew: a start that comes back after another one was seen has been there all the time.

use std::collections::{HashMap, VecDeque};

use crate::live::Machine;

/// A start that was not seen for so long is forgotten.
const WINDOW_MS: i64 = 24 * 3_600_000;
/// Starts that are remembered of one agent; one that starts all the time drives out its oldest.
const STARTS: usize = 8;

/// The newest starts of each agent, the newest last.
#[derive(Debug, Default)]
pub(super) struct Starts {
    by_agent: HashMap<String, VecDeque<Start>>,
}

#[derive(Debug)]
struct Start {
    id: Vec<u8>,
    machine: Machine,
    seen_ms: i64,
}

impl Starts {
    /// Notes a start that connected. Answers with the other machine when this start was seen before it.
    pub(super) fn seen(
        &mut self,
        agent_id: &str,
        id: &[u8],
        machine: &Machine,
        now_ms: i64,
    ) -> Option<Machine> {
        let starts = self.by_agent.entry(agent_id.to_owned()).or_default();
        starts.retain(|start| now_ms.saturating_sub(start.seen_ms) < WINDOW_MS);
        let known = starts.iter().position(|start| start.id == id);
        let other = known.and_then(|position| starts.iter().skip(position + 1).next_back());
        let other = other.map(|start| start.machine.clone());
        if let Some(position) = known {
            starts.remove(position);
        }
        while starts.len() >= STARTS {
            starts.pop_front();
        }
        starts.push_back(Start { id: id.to_owned(), machine: machine.clone(), seen_ms: now_ms });
        other
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;

    fn machine(name: &str) -> Machine {
        Machine { address: IpAddr::from([127, 0, 0, 1]), host_name: name.to_owned() }
    }

    #[test]
    fn only_a_start_that_comes_back_tells_of_two_machines() {
        let mut starts = Starts::default();
        let mut seen = |id: u8, now_ms| {
            starts.seen("agent", &[id], &machine(&id.to_string()), now_ms).map(|machine| machine.host_name)
        };
        assert_eq!(seen(1, 0), None);
        assert_eq!(seen(1, 1), None, "a connection that was lost");
        assert_eq!(seen(2, 2), None, "an agent that started anew, as far as one can tell");
        assert_eq!(seen(1, 3), Some("2".to_owned()));
        assert_eq!(seen(2, 4), Some("1".to_owned()));
        assert_eq!(seen(2, 5), None);
        assert_eq!(seen(1, 5 + WINDOW_MS), None, "long ago");
        for id in 10..100 {
            assert_eq!(seen(id, 6 + WINDOW_MS), None);
        }
        assert_eq!(seen(1, 7 + WINDOW_MS), None, "driven out");
    }
}
