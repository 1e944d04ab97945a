//! Users and capabilities that an agent may run with.

use std::io;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use super::NOBODY;

/// Numbers of capabilities.
const DAC_READ_SEARCH: u32 = 2;
const NET_ADMIN: u32 = 12;
const SYS_PTRACE: u32 = 19;
const PERFMON: u32 = 38;
const BPF: u32 = 39;

/// `_LINUX_CAPABILITY_VERSION_3`: two words of each set.
const VERSION: u32 = 0x2008_0522;

pub(super) struct Role {
    pub(super) name: &'static str,
    /// `None`: root, as the test is.
    pub(super) user: Option<u32>,
    pub(super) capabilities: &'static [u32],
    pub(super) is_for_bpf: bool,
}

pub(super) const ROLES: [Role; 5] = [
    Role { name: "`nobody`", user: Some(NOBODY), capabilities: &[], is_for_bpf: false },
    Role {
        name: "`nobody` with `CAP_SYS_PTRACE` and `CAP_DAC_READ_SEARCH`",
        user: Some(NOBODY),
        capabilities: &[SYS_PTRACE, DAC_READ_SEARCH],
        is_for_bpf: false,
    },
    Role {
        name: "`nobody` with `CAP_NET_ADMIN`",
        user: Some(NOBODY),
        capabilities: &[NET_ADMIN],
        is_for_bpf: false,
    },
    Role {
        name: "`nobody` with `CAP_BPF` and `CAP_PERFMON`",
        user: Some(NOBODY),
        capabilities: &[BPF, PERFMON],
        is_for_bpf: true,
    },
    Role { name: "root", user: None, capabilities: &[], is_for_bpf: false },
];

/// Makes `command` start as `user` with `capabilities`, which it keeps when it executes the program.
#[expect(unsafe_code, reason = "a child's user and capabilities are set between fork and exec")]
pub(super) fn become_user<'c>(
    command: &'c mut Command,
    user: Option<u32>,
    capabilities: &'static [u32],
) -> &'c mut Command {
    let Some(user) = user else { return command };
    // SAFETY: after the fork only system calls are made, and nothing is allocated.
    unsafe { command.pre_exec(move || switch(user, capabilities)) }
}

#[expect(unsafe_code, reason = "the standard library has no capabilities")]
fn switch(user: u32, capabilities: &[u32]) -> io::Result<()> {
    let bits = capabilities.iter().fold(0u64, |bits, capability| bits | 1 << capability);
    let [low, high] = [bits as u32, (bits >> 32) as u32];
    let header: [u32; 2] = [VERSION, 0];
    // Effective, permitted and inheritable, low words and then high ones.
    let sets: [u32; 6] = [low, low, low, high, high, high];
    // SAFETY: the list of groups is empty; header and sets are what the version says and live across the call.
    unsafe {
        check(libc::prctl(libc::PR_SET_KEEPCAPS, 1, 0, 0, 0).into())?;
        check(libc::setgroups(0, std::ptr::null()).into())?;
        check(libc::setresgid(user, user, user).into())?;
        check(libc::setresuid(user, user, user).into())?;
        check(libc::syscall(libc::SYS_capset, header.as_ptr(), sets.as_ptr()))?;
        for capability in capabilities {
            let (raise, capability) = (libc::PR_CAP_AMBIENT_RAISE, libc::c_ulong::from(*capability));
            check(libc::prctl(libc::PR_CAP_AMBIENT, raise, capability, 0, 0).into())?;
        }
    }
    Ok(())
}

fn check(result: libc::c_long) -> io::Result<()> {
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
