//! What is known of a process, alive or ended.

/// CPU time since a process's start, to the nanosecond.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cpu {
    pub user_ns: u64,
    pub system_ns: u64,
}

/// Bytes of two directions since counting began.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Bytes {
    /// Read from disk, or received.
    pub read: u64,
    /// Written to disk, or sent.
    pub written: u64,
}

/// A process at one instant, all its threads together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Task {
    pub pid: u32,
    pub parent: u32,
    /// As the kernel's letters have it: `R`, `S`, `D`, `T`, `t`, `X`, `Z`, `P`, `I`.
    pub state: u8,
    pub is_kernel_thread: bool,
    /// The end of its first thread has begun.
    pub is_exiting: bool,
    pub threads: u32,
    /// Effective user.
    pub user_id: u32,
    /// Of the unified hierarchy.
    pub cgroup_id: u64,
    /// Another number after another exec; 0 for one without memory of its own.
    pub exec_mark: u64,
    pub start_boot_ns: u64,
    /// Off by what each CPU has not yet added up.
    pub resident_pages: u64,
    pub cpu: Cpu,
    /// Of children that were waited for.
    pub children: Cpu,
    pub minor_faults: u64,
    pub major_faults: u64,
    /// Where ends are told: what its own threads caused since about the programs' start; else what `/proc` says,
    /// which has children in it that were waited for.
    pub disk: Bytes,
    /// Goes back when a thread took over the process by exec, and what ended threads caused was forgotten.
    pub disk_mark: u64,
    /// Sent and received on sockets of the internet protocols since the programs' start, as
    /// [`NetworkWay`](crate::NetworkWay) says; all 0 where the network is not told. Goes back as `disk_mark` does.
    pub network: Bytes,
    pub comm: [u8; 16],
    /// It was told no more than that it is as the pass before found it.
    pub rests: bool,
}

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExitStatus {
    Code(u8),
    Signal(u8),
}

/// A process that ended, with all that it used since its start.
#[derive(Debug, Clone, Copy)]
pub struct Exit<'r> {
    pub pid: u32,
    pub parent: u32,
    pub is_kernel_thread: bool,
    pub user_id: u32,
    pub cgroup_id: u64,
    pub start_boot_ns: u64,
    pub ended_boot_ns: u64,
    pub resident_pages: u64,
    pub cpu: Cpu,
    pub major_faults: u64,
    pub disk: Bytes,
    pub network: Bytes,
    pub status: ExitStatus,
    pub comm: [u8; 16],
    /// The beginning of its arguments, a zero byte between; empty where they could not be read.
    pub arguments: &'r [u8],
}

/// The last word on a process that ended: CPU time with what its end took, and the bytes of sockets that were
/// closed by its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Total {
    pub pid: u32,
    pub start_boot_ns: u64,
    pub cpu: Cpu,
    pub major_faults: u64,
    pub network: Bytes,
}

/// What the kernel tells when a process ends.
#[derive(Debug, Clone, Copy)]
pub enum Ending<'r> {
    /// Its last thread ends; it is listed until its parent has waited for it. Comes twice if two threads were
    /// the last at once.
    Exit(Exit<'r>),
    /// It is freed: some milliseconds after it was waited for, and seldom never.
    Total(Total),
}

impl ExitStatus {
    /// As a parent that waits is told: a signal in the low seven bits, else a code in the second byte.
    pub fn of(status: u32) -> Self {
        let [low, code, ..] = status.to_le_bytes();
        match low & 0x7f {
            0 => Self::Code(code),
            signal => Self::Signal(signal),
        }
    }
}

impl Cpu {
    /// The exact `runtime_ns`, parted as the time that ticks counted in user mode and in the kernel: the rule by
    /// which the kernel fills `/proc/PID/stat`.
    pub fn parted(runtime_ns: u64, user_ns: u64, system_ns: u64) -> Self {
        if system_ns == 0 {
            return Self { user_ns: runtime_ns, system_ns: 0 };
        }
        if user_ns == 0 {
            return Self { user_ns: 0, system_ns: runtime_ns };
        }
        let counted = u128::from(user_ns) + u128::from(system_ns);
        let system_ns = u128::from(runtime_ns) * u128::from(system_ns) / counted;
        let system_ns = u64::try_from(system_ns).unwrap_or(runtime_ns).min(runtime_ns);
        Self { user_ns: runtime_ns - system_ns, system_ns }
    }

    pub fn total_ns(self) -> u64 {
        self.user_ns.saturating_add(self.system_ns)
    }
}

impl Bytes {
    pub(crate) fn add(&mut self, other: Self) {
        self.read = self.read.saturating_add(other.read);
        self.written = self.written.saturating_add(other.written);
    }
}

/// The letter of a task's state bits. Only the seven low bits are told to the outside; a task that waits
/// without being counted in the load is idle.
pub(crate) fn state_letter(state: u32) -> u8 {
    const IDLE: u32 = 0x402;
    const WAITS_FOR_LOCK: u32 = 0x1000;
    const FROZEN: u32 = 0x8000;
    if state & IDLE == IDLE {
        return b'I';
    }
    if state & (WAITS_FOR_LOCK | FROZEN) != 0 {
        return b'D';
    }
    match state & 0x7f {
        0 => b'R',
        bits => *b"SDTtXZP".get(bits.ilog2() as usize).unwrap_or(&b'R'),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_have_the_letters_of_the_kernel() {
        for (state, letter) in [
            (0, b'R'),
            (1, b'S'),
            (2, b'D'),
            (4, b'T'),
            (8, b't'),
            (0x10, b'X'),
            (0x20, b'Z'),
            (0x40, b'P'),
            (0x402, b'I'),
            (0x102, b'D'),
            (0x8000, b'D'),
            (0x80 | 0x20, b'Z'),
        ] {
            assert_eq!(char::from(state_letter(state)), char::from(letter), "{state:#x}");
        }
    }

    #[test]
    fn time_is_parted_as_ticks_were_and_nothing_is_lost() {
        let part = |runtime, user, system| Cpu::parted(runtime, user, system);
        assert_eq!(part(1000, 4, 0), Cpu { user_ns: 1000, system_ns: 0 });
        assert_eq!(part(1000, 0, 4), Cpu { user_ns: 0, system_ns: 1000 });
        assert_eq!(part(1000, 0, 0), Cpu { user_ns: 1000, system_ns: 0 });
        assert_eq!(part(1001, 4, 4), Cpu { user_ns: 501, system_ns: 500 });
        assert_eq!(part(u64::MAX, u64::MAX, u64::MAX).total_ns(), u64::MAX);
    }

    #[test]
    fn ends() {
        assert_eq!(ExitStatus::of(3 << 8), ExitStatus::Code(3));
        assert_eq!(ExitStatus::of(9), ExitStatus::Signal(9));
        assert_eq!(ExitStatus::of(0x80 | 11), ExitStatus::Signal(11), "with a core dump");
    }
}
