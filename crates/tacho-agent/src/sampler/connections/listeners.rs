//! Sockets that wait for others to connect, or for datagrams from anybody.
//!
//! All are told when the agent starts and on an interval of an hour; in between, one row when a listener appears, goes, or
//! turns out to be another process's. Sockets that share address and port are one listener.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::time::Duration;

use tacho_model::Block;
use tacho_model::tables::listener;

use super::owners::Owner;

/// Those beyond are left out, and the collector's status says so.
const MAX_LISTENERS: usize = 4096;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Protocol {
    Tcp,
    Udp,
}

#[derive(Debug)]
pub(super) struct Listeners {
    known: BTreeMap<(Protocol, SocketAddr), Listener>,
    gone: Vec<((Protocol, SocketAddr), Listener)>,
    /// Counts looks.
    look: u64,
    all_due_us: u64,
    all_interval_us: u64,
    left_some_out: bool,
    address: String,
}

#[derive(Debug)]
struct Listener {
    /// One of its sockets, and the look that saw it last.
    inode: u64,
    inode_look: u64,
    /// Another socket of the same address and port.
    other_inode: u64,
    first_look: u64,
    look: u64,
    owner: Option<Owner>,
    name: String,
    /// The owner that the newest row named.
    told: Option<Option<u32>>,
}

impl Protocol {
    fn name(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
        }
    }
}

impl Listeners {
    /// `all_interval` is how often all of them are told.
    pub(super) fn new(all_interval: Duration) -> Self {
        Self {
            known: BTreeMap::new(),
            gone: Vec::new(),
            look: 0,
            all_due_us: 0,
            all_interval_us: u64::try_from(all_interval.as_micros()).unwrap_or(u64::MAX),
            left_some_out: false,
            address: String::new(),
        }
    }

    /// Begins a look, at those of every protocol or at some.
    pub(super) fn begin(&mut self, is_at_all: bool) {
        self.look += 1;
        self.left_some_out &= !is_at_all;
    }

    pub(super) fn note(&mut self, protocol: Protocol, local: SocketAddr, inode: u64) {
        let (key, look) = ((protocol, local), self.look);
        let is_full = self.known.len() >= MAX_LISTENERS;
        match self.known.get_mut(&key) {
            Some(known) => {
                known.look = look;
                if known.inode == inode {
                    known.inode_look = look;
                } else {
                    known.other_inode = inode;
                }
            }
            None if is_full => self.left_some_out = true,
            None => {
                self.known.insert(key, Listener::new(inode, look));
            }
        }
    }

    /// Ends a look that told all listeners of `protocol`: those it did not show have gone.
    pub(super) fn end(&mut self, protocol: Protocol) {
        let look = self.look;
        let gone = self.known.extract_if(.., |key, known| key.0 == protocol && known.look != look);
        // Whose coming was not told does not go either.
        self.gone.extend(gone.filter(|(_, known)| known.told.is_some()));
        for known in self.known.values_mut().filter(|known| known.look == look && known.inode_look != look) {
            (known.inode, known.inode_look, known.owner) = (known.other_inode, look, None);
        }
    }

    /// Sockets whose owners are not known.
    pub(super) fn unowned(&self) -> impl Iterator<Item = u64> {
        self.known.values().filter(|known| known.owner.is_none() && known.inode != 0).map(|known| known.inode)
    }

    pub(super) fn set_owners(&mut self, owner_of: impl Fn(u64) -> Option<Owner>) {
        for known in self.known.values_mut().filter(|known| known.owner.is_none()) {
            known.owner = owner_of(known.inode);
        }
    }

    pub(super) fn left_some_out(&self) -> bool {
        self.left_some_out
    }

    /// Writes what is due. `name_of` answers the name of an owner that still lives.
    pub(super) fn write<'n>(
        &mut self,
        now_us: u64,
        name_of: impl Fn(Owner) -> Option<Cow<'n, str>>,
        block: &mut Block,
    ) {
        let tells_all = self.all_due_us <= now_us;
        if tells_all {
            self.all_due_us = now_us.saturating_add(self.all_interval_us);
        }
        for (key, gone) in self.gone.drain(..) {
            write_row(&mut self.address, key, &gone, 0, block);
        }
        for (key, known) in &mut self.known {
            // A datagram socket that a client uses once is no listener.
            if key.0 == Protocol::Udp && known.first_look == known.look && known.first_look > 1 {
                continue;
            }
            if let Some(owner) = known.owner {
                match name_of(owner) {
                    Some(name) if name == known.name => {}
                    Some(name) => known.name = name.into_owned(),
                    // It has ended, and who holds the socket now is looked for again.
                    None => known.owner = None,
                }
            }
            let pid = known.owner.map(|owner| owner.pid);
            let is_news = match known.told {
                None => true,
                Some(told) => pid.is_some() && told != pid,
            };
            if is_news || tells_all {
                known.told = Some(pid);
                write_row(&mut self.address, *key, known, 1, block);
            }
        }
    }
}

impl Listener {
    fn new(inode: u64, look: u64) -> Self {
        Self {
            inode,
            inode_look: look,
            other_inode: inode,
            first_look: look,
            look,
            owner: None,
            name: String::new(),
            told: None,
        }
    }
}

fn write_row(
    text: &mut String,
    (protocol, local): (Protocol, SocketAddr),
    known: &Listener,
    open: i64,
    block: &mut Block,
) {
    text.clear();
    // Writing to a String cannot fail.
    write!(text, "{}", local.ip()).ok();
    let mut row = block.push();
    row.text(listener::PROTOCOL, protocol.name())
        .text(listener::ADDRESS, text)
        .integer(listener::PORT, local.port().into())
        .integer(listener::OPEN, open);
    if let Some(Some(pid)) = known.told {
        row.integer(listener::PID, pid.into()).text(listener::NAME, &known.name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Looks at sockets of (protocol, address, inode) whose owner has the inode as its pid, and answers the rows.
    fn look(
        listeners: &mut Listeners,
        now_s: u64,
        sockets: &[(Protocol, &str, u64)],
    ) -> Vec<(String, i64, Option<i64>)> {
        listeners.begin(true);
        for (protocol, address, inode) in sockets {
            listeners.note(*protocol, address.parse().unwrap(), *inode);
        }
        listeners.end(Protocol::Tcp);
        listeners.end(Protocol::Udp);
        listeners.set_owners(|inode| Some(Owner { pid: inode as u32, found_us: 0 }));
        let mut block = Block::new(&listener::TABLE);
        listeners.write(now_s * 1_000_000, |owner| Some(format!("p{}", owner.pid).into()), &mut block);
        let text = |column, row| block.text(column, row).unwrap().to_owned();
        let rows = (0..block.len()).map(|row| {
            let local = format!(
                "{} {}:{}",
                text(listener::PROTOCOL, row),
                text(listener::ADDRESS, row),
                block.integer(listener::PORT, row).unwrap()
            );
            (local, block.integer(listener::OPEN, row).unwrap(), block.integer(listener::PID, row))
        });
        rows.collect()
    }

    fn row(local: &str, open: i64, pid: i64) -> (String, i64, Option<i64>) {
        (local.to_owned(), open, Some(pid))
    }

    #[test]
    fn a_listener_is_told_when_it_appears_changes_hands_and_goes_and_all_once_an_hour() {
        let mut listeners = Listeners::new(Duration::from_secs(3600));
        let both = [(Protocol::Tcp, "0.0.0.0:22", 5), (Protocol::Udp, "[::]:53", 6)];
        let all = [row("tcp 0.0.0.0:22", 1, 5), row("udp :::53", 1, 6)];
        assert_eq!(look(&mut listeners, 0, &both), all);
        assert_eq!(look(&mut listeners, 5, &both), []);
        let other = [(Protocol::Tcp, "0.0.0.0:22", 8), both[1]];
        assert_eq!(look(&mut listeners, 10, &other), [row("tcp 0.0.0.0:22", 1, 8)]);
        assert_eq!(look(&mut listeners, 15, &other[1..]), [row("tcp 0.0.0.0:22", 0, 8)]);
        assert_eq!(look(&mut listeners, 3600, &both).len(), 2);
    }

    #[test]
    fn sockets_that_share_a_port_are_one_listener() {
        let mut listeners = Listeners::new(Duration::from_secs(3600));
        let shared = [5, 6, 7].map(|inode| (Protocol::Tcp, "0.0.0.0:80", inode));
        assert_eq!(look(&mut listeners, 0, &shared), [row("tcp 0.0.0.0:80", 1, 5)]);
        assert_eq!(
            look(&mut listeners, 5, &shared[1..]),
            [row("tcp 0.0.0.0:80", 1, 7)],
            "the owner has gone"
        );
        assert_eq!(look(&mut listeners, 10, &shared), []);
    }

    #[test]
    fn a_datagram_socket_used_once_is_none() {
        let mut listeners = Listeners::new(Duration::from_secs(3600));
        assert_eq!(look(&mut listeners, 0, &[]), []);
        let socket = [(Protocol::Udp, "0.0.0.0:40000", 5)];
        assert_eq!(look(&mut listeners, 5, &socket), []);
        assert_eq!(look(&mut listeners, 10, &[]), []);
        look(&mut listeners, 15, &socket);
        listeners.begin(false);
        listeners.end(Protocol::Tcp);
        let mut block = Block::new(&listener::TABLE);
        listeners.write(17_000_000, |_| None, &mut block);
        assert_eq!(block.len(), 0, "a look that did not ask says nothing new");
        assert_eq!(look(&mut listeners, 20, &socket), [row("udp 0.0.0.0:40000", 1, 5)]);
    }
}
