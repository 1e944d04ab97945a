//! Puts the times of a stream right.
//!
//! An agent reckons times from the boot clock of its host, which neither steps nor stands still, and from what
//! its wall clock said once. The server measures when, by its own clock, that boot was: the *epoch* of the
//! stream. The time of a snapshot is its boot clock plus the epoch, and depends on nothing else: not on the
//! moment or the order in which frames arrive, nor on the server they come to.
//!
//! A measurement that disagrees with the epoch begins a new *step* at the boot clock of that measurement; all
//! snapshots before it keep their times. Where the epoch grows, time jumps forward. Where it shrinks, time
//! goes at half speed until it is right again. So times of one stream always grow with its sequences. A new stream
//! of the same boot goes on with the clock of the one before, so times grow from stream to stream as well.

use std::collections::VecDeque;

/// A clock that is off by less is left alone: the way of the message is in the difference too.
const TOLERATED_MS: i64 = 2_000;

/// How long a hello may have been under way: its agent gives up after this long.
const HELLO_DELAY_MS: i64 = 10_000;

/// Measurements in a row that have to disagree with the epoch before it changes: a server's own clock that is
/// set wrong for a moment changes nothing.
const DISAGREEING: usize = 3;

/// Steps kept of one stream. At more the oldest is forgotten: a drift of 2 s in half a day makes as many in a
/// month, and no backlog is that old.
const MAX_STEPS: usize = 64;

/// Measurements that a reading is the best of.
const RECENT: usize = 8;

/// Clocks of one moment, or nearly so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sample {
    pub(super) boot_ms: i64,
    /// As the agent reckons it.
    pub(super) agent_ms: i64,
    /// By the server's clock.
    pub(super) server_ms: i64,
    /// By how much the moments of the three may differ.
    pub(super) uncertain_ms: i64,
}

/// When the boot was that a stream belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct StreamClock {
    /// The agent's own reckoning when the stream was first seen, in milliseconds since the epoch of Unix.
    agent_epoch_ms: i64,
    /// By `from_ms`; the first counts from the beginning of time.
    steps: Vec<Step>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Step {
    /// Boot clock from which it counts.
    from_ms: i64,
    /// Epoch at that moment.
    start_ms: i64,
    /// Epoch that it goes to: at once when that is more, gradually when it is less.
    target_ms: i64,
}

impl Step {
    fn epoch_ms(&self, boot_ms: i64) -> i64 {
        let since_ms = boot_ms.saturating_sub(self.from_ms);
        self.target_ms.max(self.start_ms.saturating_sub(since_ms / 2))
    }
}

impl Sample {
    fn epoch_ms(&self) -> i64 {
        self.server_ms.saturating_sub(self.boot_ms)
    }

    fn agent_epoch_ms(&self) -> i64 {
        self.agent_ms.saturating_sub(self.boot_ms)
    }
}

impl StreamClock {
    /// The clock of a stream by its first hello. An agent that does not tell clocks later (`pings` is false) is
    /// corrected by what the hello says, however long that was under way.
    pub(super) fn of_hello(hello: &Sample, pings: bool) -> Self {
        let off_ms = hello.server_ms.saturating_sub(hello.agent_ms);
        let epoch_ms =
            if tolerated_at_hello(off_ms, pings) { hello.agent_epoch_ms() } else { hello.epoch_ms() };
        let step = Step { from_ms: i64::MIN, start_ms: epoch_ms, target_ms: epoch_ms };
        Self { agent_epoch_ms: hello.agent_epoch_ms(), steps: vec![step] }
    }

    /// The clock of a stream that goes on where another of the same boot ended: one that an agent reckons by the same
    /// epoch, which it keeps for a boot. So times grow from stream to stream, whatever the server's clock did.
    pub(super) fn goes_on<'a>(hello: &Sample, kept: impl IntoIterator<Item = &'a str>) -> Option<Self> {
        let of_this_boot = kept
            .into_iter()
            .filter_map(Self::of_text)
            .filter(|clock| clock.agent_epoch_ms == hello.agent_epoch_ms());
        of_this_boot.max_by_key(|clock| clock.steps.last().map(|step| step.from_ms))
    }

    /// Is it the clock of snapshots that an agent reckons so?
    pub(super) fn is_of(&self, boot_us: u64, agent_ms: i64) -> bool {
        boot_us != 0 && agent_ms.saturating_sub(boot_ms_of(boot_us)) == self.agent_epoch_ms
    }

    /// A later hello of the stream; `true` when it changed the clock.
    pub(super) fn hello_again(&mut self, hello: &Sample, pings: bool) -> bool {
        let off_ms = hello.epoch_ms().saturating_sub(self.target_ms());
        !tolerated_at_hello(off_ms, pings) && self.step(hello.boot_ms, hello.epoch_ms())
    }

    /// When a snapshot was taken.
    pub(super) fn time_ms(&self, boot_us: u64, agent_ms: i64) -> i64 {
        match boot_ms_of(boot_us) {
            0 => self.time_of_agent_ms(agent_ms),
            boot_ms => boot_ms.saturating_add(self.epoch_ms(boot_ms)),
        }
    }

    /// A time by the agent's reckoning that came without a boot clock, which its epoch tells.
    pub(super) fn time_of_agent_ms(&self, agent_ms: i64) -> i64 {
        let boot_ms = agent_ms.saturating_sub(self.agent_epoch_ms);
        boot_ms.saturating_add(self.epoch_ms(boot_ms))
    }

    /// Are times others now than the agent reckons them?
    pub(super) fn is_corrected(&self) -> bool {
        self.target_ms() != self.agent_epoch_ms
    }

    fn epoch_ms(&self, boot_ms: i64) -> i64 {
        let after = self.steps.partition_point(|step| step.from_ms <= boot_ms);
        let step = after.checked_sub(1).and_then(|position| self.steps.get(position));
        step.map_or(self.agent_epoch_ms, |step| step.epoch_ms(boot_ms))
    }

    fn target_ms(&self) -> i64 {
        self.steps.last().map_or(self.agent_epoch_ms, |step| step.target_ms)
    }

    /// Begins a step at `from_ms`; `false` when there is nothing to change, or a newer step there already.
    fn step(&mut self, from_ms: i64, epoch_ms: i64) -> bool {
        let off_ms = epoch_ms.saturating_sub(self.agent_epoch_ms);
        let target_ms = if off_ms.saturating_abs() <= TOLERATED_MS { self.agent_epoch_ms } else { epoch_ms };
        let newest = self.steps.last().is_none_or(|last| last.from_ms < from_ms);
        if !newest || target_ms == self.target_ms() {
            return false;
        }
        let step = Step { from_ms, start_ms: self.epoch_ms(from_ms), target_ms };
        if self.steps.len() >= MAX_STEPS {
            self.steps.remove(0);
            if let Some(first) = self.steps.first_mut() {
                first.from_ms = i64::MIN;
                first.start_ms = first.target_ms;
            }
        }
        self.steps.push(step);
        true
    }

    /// How it is kept in the catalog: `agent_epoch;from,start,target;…`.
    pub(super) fn to_text(&self) -> String {
        let mut text = self.agent_epoch_ms.to_string();
        for step in &self.steps {
            text.push_str(&format!(";{},{},{}", step.from_ms, step.start_ms, step.target_ms));
        }
        text
    }

    /// Reads what [`Self::to_text`] wrote.
    pub(super) fn of_text(text: &str) -> Option<Self> {
        let mut parts = text.split(';');
        let agent_epoch_ms = parts.next()?.parse().ok()?;
        let mut steps: Vec<Step> = Vec::new();
        for part in parts {
            let mut numbers = part.split(',').map(str::parse::<i64>);
            let mut number = || numbers.next()?.ok();
            let step = Step { from_ms: number()?, start_ms: number()?, target_ms: number()? };
            if steps.last().is_some_and(|last| last.from_ms >= step.from_ms) || numbers.next().is_some() {
                return None;
            }
            steps.push(step);
        }
        (1..=MAX_STEPS).contains(&steps.len()).then_some(Self { agent_epoch_ms, steps })
    }
}

fn tolerated_at_hello(off_ms: i64, pings: bool) -> bool {
    let delay_ms = if pings { HELLO_DELAY_MS } else { 0 };
    (-TOLERATED_MS..=TOLERATED_MS + delay_ms).contains(&off_ms)
}

/// The boot clock as the agent divides it.
pub(super) fn boot_ms_of(boot_us: u64) -> i64 {
    i64::try_from(boot_us / 1000).unwrap_or(i64::MAX)
}

/// What one connection measured.
#[derive(Debug, Default)]
pub(super) struct Measurements {
    recent: VecDeque<Sample>,
    disagreeing: Vec<Sample>,
}

impl Measurements {
    /// Takes in a measurement; `true` when it changed the clock.
    pub(super) fn note(&mut self, clock: &mut StreamClock, sample: Sample) -> bool {
        if self.recent.len() >= RECENT {
            self.recent.pop_front();
        }
        self.recent.push_back(sample);
        let off_ms = sample.epoch_ms().saturating_sub(clock.target_ms());
        if off_ms.saturating_abs() <= TOLERATED_MS.saturating_add(sample.uncertain_ms) {
            self.disagreeing.clear();
            return false;
        }
        self.disagreeing.push(sample);
        if self.disagreeing.len() < DISAGREEING {
            return false;
        }
        let disagreeing = std::mem::take(&mut self.disagreeing);
        let best = best(&disagreeing).map_or_else(|| sample.epoch_ms(), Sample::epoch_ms);
        // Whatever was measured before is of another clock.
        self.recent.retain(|recent| disagreeing.contains(recent));
        clock.step(sample.boot_ms, best)
    }

    /// Should be measured again soon?
    pub(super) fn is_unsure(&self) -> bool {
        self.recent.len() < DISAGREEING || !self.disagreeing.is_empty()
    }

    /// How far the clock that the agent goes by is ahead of the server's, by the measurement that took the
    /// shortest way.
    pub(super) fn ahead_ms(&self) -> Option<i64> {
        best(&self.recent).map(|sample| sample.agent_ms.saturating_sub(sample.server_ms))
    }
}

fn best<'a>(samples: impl IntoIterator<Item = &'a Sample>) -> Option<&'a Sample> {
    samples.into_iter().min_by_key(|sample| sample.uncertain_ms)
}

#[cfg(test)]
mod tests;
