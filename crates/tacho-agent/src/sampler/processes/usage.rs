//! What processes used: CPU time, bytes on the network, disk use, and CPU time on its way from children.

use tacho_proc::ProcessIo;

use super::super::traffic::Traffic;

/// CPU time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct CpuTime {
    pub(super) user_us: u64,
    pub(super) system_us: u64,
}

/// What a process used since the snapshot before.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Usage {
    pub(super) cpu: CpuTime,
    pub(super) major_faults: u64,
    /// Absent when the agent may not see it.
    pub(super) disk: Option<ProcessIo>,
    /// Absent where it is not told.
    pub(super) network: Option<Traffic>,
}

/// CPU time of children that a process waited for, on its way to where it belongs.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Inherited {
    /// From the snapshot before: whoever used it should have been found to have ended by now.
    pub(super) held: CpuTime,
    pub(super) fresh: CpuTime,
}

impl CpuTime {
    pub(super) fn total_us(self) -> u64 {
        self.user_us.saturating_add(self.system_us)
    }

    /// So much of it, user and system in the same proportion.
    pub(super) fn scaled_to(self, total_us: u64) -> Self {
        let user_us = u128::from(self.user_us) * u128::from(total_us) / u128::from(self.total_us().max(1));
        let user_us = u64::try_from(user_us).unwrap_or(total_us).min(total_us);
        Self { user_us, system_us: total_us - user_us }
    }

    /// No less than `before`, in either part.
    pub(super) fn kept_up_with(self, before: Self) -> Self {
        let total_us = self.total_us().max(before.total_us());
        let user_us = total_us.saturating_sub(self.system_us.max(before.system_us)).max(before.user_us);
        Self { user_us, system_us: total_us - user_us }
    }

    /// The rest when a part of it is taken out.
    pub(super) fn without(self, part: Self) -> Self {
        Self {
            user_us: self.user_us.saturating_sub(part.user_us),
            system_us: self.system_us.saturating_sub(part.system_us),
        }
    }

    /// Takes up to so much away, user and system time where it is there, and answers how much was not.
    pub(super) fn take(&mut self, wanted: Self) -> Self {
        let (user_us, system_us) = (self.user_us.min(wanted.user_us), self.system_us.min(wanted.system_us));
        let (mut user_left, mut system_left) = (wanted.user_us - user_us, wanted.system_us - system_us);
        self.user_us -= user_us;
        self.system_us -= system_us;
        // The kernel splits a process's time anew as it goes on, so that one part may be a tick short.
        for (from, left) in [(&mut self.user_us, &mut system_left), (&mut self.system_us, &mut user_left)] {
            let more = (*from).min(*left);
            *from -= more;
            *left -= more;
        }
        Self { user_us: user_left, system_us: system_left }
    }

    pub(super) fn add(&mut self, other: Self) {
        self.user_us = self.user_us.saturating_add(other.user_us);
        self.system_us = self.system_us.saturating_add(other.system_us);
    }
}

impl Usage {
    pub(super) fn is_anything(&self) -> bool {
        let (disk, network) = (self.disk.unwrap_or_default(), self.network.unwrap_or_default());
        self.cpu != CpuTime::default() || disk != ProcessIo::default() || network != Traffic::default()
    }
}

impl Inherited {
    pub(super) fn sum(&self) -> CpuTime {
        let mut sum = self.held;
        sum.add(self.fresh);
        sum
    }

    pub(super) fn total_us(&self) -> u64 {
        self.sum().total_us()
    }

    /// Takes up to so much away, what was held first, and answers how much was not there.
    pub(super) fn take(&mut self, wanted: CpuTime) -> CpuTime {
        let rest = self.held.take(wanted);
        self.fresh.take(rest)
    }
}
