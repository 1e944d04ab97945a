//! Software RAID: `/proc/mdstat`.

use std::path::Path;
use std::time::Duration;

use tacho_model::Block;
use tacho_model::tables::{event, raid};
use tacho_proc::{Buffer, KeptFile, RaidArray, parse_mdstat};

use super::Tick;
use super::every::Every;
use super::status::Status;

/// More arrays than this are left out and said so.
const MAX_ARRAYS: usize = 128;

#[derive(Debug)]
pub(super) struct Arrays {
    mdstat: KeptFile,
    every: Every,
    /// What the file said last; it is parsed when it says something else.
    text: Vec<u8>,
    /// `None` until it was read.
    arrays: Option<Vec<RaidArray>>,
    boot_time_ms: i64,
    pub(super) status: Status,
}

impl Arrays {
    pub(super) fn new(proc_root: &Path, interval: Duration, boot_time_ms: i64) -> Self {
        Self {
            mdstat: KeptFile::new(proc_root, "mdstat").patient(),
            every: Every::new(interval),
            text: Vec::new(),
            arrays: None,
            boot_time_ms,
            status: Status::new("raid"),
        }
    }

    pub(super) fn collect(
        &mut self,
        tick: &Tick,
        buffer: &mut Buffer,
        block: &mut Block,
        events: &mut Block,
    ) {
        let due = self.every.due(tick).is_some();
        let Some(text) = self.status.note("software RAID", self.mdstat.read(buffer)) else { return };
        let changed = self.arrays.is_none() || text != self.text;
        if !changed && !due {
            return;
        }
        self.text.clear();
        self.text.extend_from_slice(text);
        let mut now = parse_mdstat(text);
        if now.len() > MAX_ARRAYS {
            now.truncate(MAX_ARRAYS);
            self.status.absent("arrays beyond the first 128", "too many");
        }
        let before = self.arrays.replace(now);
        let Some(now) = &self.arrays else { return };
        let time_ms = self.boot_time_ms.saturating_add_unsigned(tick.now_us / 1000);
        for array in now {
            let known = before.as_ref().map(|before| before.iter().find(|known| known.name == array.name));
            let is_news = known.is_some_and(|known| known.is_none_or(|known| state(known) != state(array)));
            if due || is_news {
                write_row(array, block);
            }
            if is_news {
                write_event(array, known.flatten(), time_ms, events);
            }
        }
        for gone in before.iter().flatten().filter(|gone| now.iter().all(|array| array.name != gone.name)) {
            write_text(&gone.name, &format!("{} is no longer there", gone.name), time_ms, events);
        }
    }
}

/// What of an array is news when it changes; how far an action has come is not.
fn state(array: &RaidArray) -> (&str, u64, Option<u64>, u64, Option<&str>) {
    (array.state, array.disks, array.disks_active, array.disks_failed, array.action)
}

fn write_row(array: &RaidArray, block: &mut Block) {
    let mut row = block.push();
    row.text(raid::ARRAY, &array.name)
        .text(raid::STATE, array.state)
        .unsigned(raid::DISKS, array.disks)
        .optional(raid::DISKS_ACTIVE, array.disks_active)
        .unsigned(raid::DISKS_FAILED, array.disks_failed);
    if !array.level.is_empty() {
        row.text(raid::LEVEL, &array.level);
    }
    if let Some(action) = array.action {
        row.text(raid::ACTION, action);
    }
    if let Some(done) = array.action_done {
        row.float(raid::ACTION_DONE_RATIO, done);
    }
}

fn write_event(array: &RaidArray, before: Option<&RaidArray>, time_ms: i64, events: &mut Block) {
    let text = match before {
        Some(before) => format!("{} is {}; it was {}", array.name, described(array), described(before)),
        None => format!("{} is new: {}", array.name, described(array)),
    };
    write_text(&array.name, &text, time_ms, events);
}

/// `active, 1 of 2 disks work, 1 failed, recovery`
fn described(array: &RaidArray) -> String {
    let mut text = array.state.to_owned();
    if let Some(active) = array.disks_active {
        text.push_str(&format!(", {active} of {} disks work", array.disks));
    }
    if array.disks_failed > 0 {
        text.push_str(&format!(", {} failed", array.disks_failed));
    }
    if let Some(action) = array.action {
        text.push_str(", ");
        text.push_str(action);
    }
    text
}

fn write_text(name: &str, text: &str, time_ms: i64, events: &mut Block) {
    events
        .push()
        .text(event::KIND, "raid")
        .text(event::SUBJECT, name)
        .text(event::TEXT, text)
        .integer(event::HAPPENED, time_ms);
}
