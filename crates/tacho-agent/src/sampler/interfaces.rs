//! Network interfaces: `/proc/net/dev`, and the link from `/sys/class/net`.

use std::path::{Path, PathBuf};

use tacho_model::tables::{host, interface};
use tacho_model::{Block, Row};
use tacho_proc::{Buffer, InterfaceStat, KeptFile, number, parse_net_dev};

use super::Tick;
use super::delta::{add, grown};
use super::status::Status;

/// More interfaces than this are left out and said so.
const MAX_INTERFACES: usize = 1024;

/// Interfaces whose files stay open.
const KEPT_INTERFACES: usize = 64;

/// Asking for the speed takes a lock in some drivers, and a link seldom changes.
const LINK_INTERVAL_US: u64 = 15_000_000;

/// The kernel tells the speed in megabits.
const SPEED_UNIT: u64 = 1_000_000;

#[derive(Debug)]
pub(super) struct Interfaces {
    file: KeptFile,
    sys_root: PathBuf,
    known: Vec<Interface>,
    pub(super) status: Status,
}

#[derive(Debug)]
struct Interface {
    name: String,
    physical: bool,
    /// Tick that saw it last.
    seen: u64,
    before: Option<InterfaceStat<'static>>,
    carrier: KeptFile,
    speed: KeptFile,
    link_due_us: u64,
    up: Option<bool>,
    speed_bits_per_second: Option<u64>,
}

/// Bytes in and out.
#[derive(Debug, Default, Clone, Copy)]
struct Traffic {
    rx: Option<u64>,
    tx: Option<u64>,
}

impl Interfaces {
    pub(super) fn new(proc_root: &Path, sys_root: &Path) -> Self {
        Self {
            file: KeptFile::new(proc_root, "net/dev"),
            sys_root: sys_root.join("class/net"),
            known: Vec::new(),
            status: Status::new("interface"),
        }
    }

    pub(super) fn collect(
        &mut self,
        tick: &Tick,
        buffer: &mut Buffer,
        host: &mut Row<'_>,
        block: &mut Block,
    ) {
        self.refresh_links(tick, buffer);
        let Some(text) = self.status.note("interfaces", self.file.read(buffer)) else {
            return self.known.clear();
        };
        let (mut physical, mut all_but_loopback) = (Traffic::default(), Traffic::default());
        let mut expected = 0;
        for stat in parse_net_dev(text) {
            let Some(position) = position(&mut self.known, expected, stat.name, &self.sys_root) else {
                continue;
            };
            expected = position + 1;
            let Some(known) = self.known.get_mut(position) else { continue };
            known.seen = tick.number;
            let before = known.before.replace(InterfaceStat { name: b"", ..stat });
            let traffic = known.write_row(&stat, before.as_ref(), block);
            if known.physical {
                physical.add(traffic);
            }
            if known.name != "lo" {
                all_but_loopback.add(traffic);
            }
        }
        self.known.retain(|interface| interface.seen == tick.number);
        if self.known.len() >= MAX_INTERFACES {
            self.status.absent("interfaces beyond the first 1024", "too many");
        }
        let has_physical = self.known.iter().any(|interface| interface.physical);
        let traffic = if has_physical { physical } else { all_but_loopback };
        host.optional(host::NET_RX_BYTES, traffic.rx).optional(host::NET_TX_BYTES, traffic.tx);
    }

    /// Looks at the links that are due. An interface is first looked at in the snapshot after it was seen.
    fn refresh_links(&mut self, tick: &Tick, buffer: &mut Buffer) {
        let due = self.known.iter_mut().enumerate().filter(|(_, known)| known.link_due_us <= tick.now_us);
        for (position, known) in due {
            known.link_due_us = tick.now_us.saturating_add(LINK_INTERVAL_US);
            known.refresh_link(buffer);
            if position >= KEPT_INTERFACES {
                known.carrier.close();
                known.speed.close();
            }
        }
    }
}

impl Interface {
    fn new(name: String, sys_root: &Path) -> Self {
        let directory = sys_root.join(&name);
        Self {
            physical: directory.join("device").exists(),
            seen: 0,
            before: None,
            carrier: KeptFile::new(&directory, "carrier"),
            speed: KeptFile::new(&directory, "speed"),
            link_due_us: 0,
            up: None,
            speed_bits_per_second: None,
            name,
        }
    }

    /// An interface that is switched off refuses both with an error, which is an answer too.
    fn refresh_link(&mut self, buffer: &mut Buffer) {
        self.up = match self.carrier.read_numbers(buffer) {
            Ok(text) => number(text.trim_ascii()).map(|carrier| carrier == 1),
            Err(error) if error.is_absence() => None,
            Err(_) => Some(false),
        };
        self.speed_bits_per_second = self.speed.read_numbers(buffer).ok().and_then(|text| {
            // -1 when the driver does not know.
            number(text.trim_ascii()).filter(|speed| *speed > 0)?.checked_mul(SPEED_UNIT)
        });
    }

    fn write_row(
        &self,
        now: &InterfaceStat<'_>,
        before: Option<&InterfaceStat<'_>>,
        block: &mut Block,
    ) -> Traffic {
        let grown = |of: fn(&InterfaceStat<'_>) -> u64| grown(Some(of(now)), before.map(of));
        let traffic = Traffic { rx: grown(|stat| stat.rx_bytes), tx: grown(|stat| stat.tx_bytes) };
        block
            .push()
            .text(interface::INTERFACE, &self.name)
            .optional(interface::RX_BYTES, traffic.rx)
            .optional(interface::TX_BYTES, traffic.tx)
            .optional(interface::RX_PACKETS, grown(|stat| stat.rx_packets))
            .optional(interface::TX_PACKETS, grown(|stat| stat.tx_packets))
            .optional(interface::RX_ERRORS, grown(|stat| stat.rx_errors))
            .optional(interface::TX_ERRORS, grown(|stat| stat.tx_errors))
            .optional(interface::RX_DROPS, grown(|stat| stat.rx_drops))
            .optional(interface::TX_DROPS, grown(|stat| stat.tx_drops))
            .optional(interface::SPEED_BITS_PER_SECOND, self.speed_bits_per_second)
            .optional(interface::UP, self.up.map(u64::from))
            .integer(interface::PHYSICAL, i64::from(self.physical));
        traffic
    }
}

impl Traffic {
    fn add(&mut self, other: Self) {
        add(&mut self.rx, other.rx);
        add(&mut self.tx, other.tx);
    }
}

/// Where the interface is among the known ones; it is expected at `expected`, as the order seldom changes.
fn position(known: &mut Vec<Interface>, expected: usize, name: &[u8], sys_root: &Path) -> Option<usize> {
    let is_it = |interface: &Interface| interface.name.as_bytes() == name;
    if known.get(expected).is_some_and(is_it) {
        return Some(expected);
    }
    if let Some(position) = known.iter().position(is_it) {
        return Some(position);
    }
    if known.len() >= MAX_INTERFACES {
        return None;
    }
    let name = std::str::from_utf8(name).ok()?.to_owned();
    known.push(Interface::new(name, sys_root));
    Some(known.len() - 1)
}
