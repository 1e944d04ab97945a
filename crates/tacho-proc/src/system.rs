//! Calls of the operating system that have no file in `/proc` and no place in the standard library.

#![expect(unsafe_code, reason = "one small wrapper per call of libc")]

use std::io;
use std::mem::MaybeUninit;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

/// Sizes of a mounted file system.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FileSystemUsage {
    pub size_bytes: u64,
    pub used_bytes: u64,
    /// What an ordinary user can still write.
    pub available_bytes: u64,
    /// Absent where the file system has no fixed number of inodes.
    pub inodes: Option<u64>,
    pub inodes_used: Option<u64>,
    pub read_only: bool,
}

/// One instant by three clocks, in microseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Clocks {
    /// Since boot, time asleep included.
    pub boot_us: u64,
    /// The same without time asleep.
    pub awake_us: u64,
    /// Since the epoch; may jump.
    pub wall_us: u64,
}

/// Reads the clocks.
pub fn clocks() -> Clocks {
    let read = |clock| read_clock_us(clock).unwrap_or(0);
    Clocks {
        boot_us: read(libc::CLOCK_BOOTTIME),
        awake_us: read(libc::CLOCK_MONOTONIC),
        wall_us: read(libc::CLOCK_REALTIME),
    }
}

/// Clock ticks of `/proc` in a second.
pub fn clock_ticks_per_second() -> u64 {
    // SAFETY: no pointers.
    let ticks = unsafe { libc::sysconf(libc::_SC_CLK_TCK) };
    u64::try_from(ticks).ok().filter(|ticks| *ticks > 0).unwrap_or(100)
}

/// Bytes of a page of memory.
pub fn page_size() -> u64 {
    // SAFETY: no pointers.
    let size = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    u64::try_from(size).ok().filter(|size| *size > 0).unwrap_or(4096)
}

pub fn effective_user_id() -> u32 {
    // SAFETY: cannot fail, takes nothing.
    unsafe { libc::geteuid() }
}

/// CPU time that the calling thread used so far.
pub fn thread_cpu_time_us() -> Option<u64> {
    read_clock_us(libc::CLOCK_THREAD_CPUTIME_ID)
}

/// CPU time that all threads of this process used so far.
pub fn process_cpu_time_us() -> Option<u64> {
    read_clock_us(libc::CLOCK_PROCESS_CPUTIME_ID)
}

/// Reads a clock in microseconds.
fn read_clock_us(clock: libc::clockid_t) -> Option<u64> {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the kernel fills the timespec, which lives across the call.
    let result = unsafe { libc::clock_gettime(clock, &raw mut time) };
    let (seconds, nanoseconds) = (u64::try_from(time.tv_sec).ok()?, u64::try_from(time.tv_nsec).ok()?);
    (result == 0).then(|| seconds.saturating_mul(1_000_000).saturating_add(nanoseconds / 1_000))
}

/// The machine's architecture as `uname -m` names it.
pub fn machine_name() -> String {
    let mut name = MaybeUninit::<libc::utsname>::zeroed();
    // SAFETY: the kernel fills the structure, which is all zeros before, a valid value.
    let name = unsafe {
        libc::uname(name.as_mut_ptr());
        name.assume_init()
    };
    let bytes = name.machine.map(|byte| byte as u8);
    String::from_utf8_lossy(bytes.split(|byte| *byte == 0).next().unwrap_or_default()).into_owned()
}

/// Raises the soft limit of open files to `wanted`, or the hard limit where that is lower, and returns what
/// holds now. Never lowers it.
pub fn raise_open_files_limit(wanted: u64) -> u64 {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the kernel fills the structure, which lives across the call.
    if unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) } != 0 {
        return 0;
    }
    let raised = libc::rlimit { rlim_cur: wanted.min(limit.rlim_max), rlim_max: limit.rlim_max };
    // SAFETY: the kernel reads the structure, which lives across the call.
    if raised.rlim_cur > limit.rlim_cur
        && unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const raised) } == 0
    {
        return raised.rlim_cur;
    }
    limit.rlim_cur
}

/// Is `path` on a mounted `/proc`, rather than in a recorded tree?
pub fn is_procfs(path: &Path) -> bool {
    const PROC_MAGIC: i64 = 0x9fa0;
    let Ok(path) = std::ffi::CString::new(path.as_os_str().as_bytes()) else { return false };
    let mut status = MaybeUninit::<libc::statfs>::zeroed();
    // SAFETY: the path ends with a zero byte and the kernel fills the structure; both live across the call.
    // It is all zeros before, a valid value.
    let status = unsafe {
        if libc::statfs(path.as_ptr(), status.as_mut_ptr()) != 0 {
            return false;
        }
        status.assume_init()
    };
    status.f_type as i64 == PROC_MAGIC
}

/// Sizes of the file system mounted at `path`. Blocks for as long as the file system does not answer.
pub fn statvfs(path: &Path) -> io::Result<FileSystemUsage> {
    let path = std::ffi::CString::new(path.as_os_str().as_bytes())?;
    let mut status = MaybeUninit::<libc::statvfs>::zeroed();
    // SAFETY: the path ends with a zero byte and the kernel fills the structure; both live across the call.
    // It is all zeros before, a valid value.
    let status = unsafe {
        if libc::statvfs(path.as_ptr(), status.as_mut_ptr()) != 0 {
            return Err(io::Error::last_os_error());
        }
        status.assume_init()
    };
    // The types of these fields differ between architectures.
    #[allow(clippy::useless_conversion, reason = "the fields are narrower on 32-bit machines")]
    let bytes = |blocks: libc::fsblkcnt_t| u64::from(blocks).saturating_mul(status.f_frsize as u64);
    let inodes = (status.f_files > 0).then_some(status.f_files as u64);
    Ok(FileSystemUsage {
        size_bytes: bytes(status.f_blocks),
        used_bytes: bytes(status.f_blocks).saturating_sub(bytes(status.f_bfree)),
        available_bytes: bytes(status.f_bavail),
        inodes,
        inodes_used: inodes.map(|inodes| inodes.saturating_sub(status.f_ffree as u64)),
        read_only: status.f_flag & libc::ST_RDONLY != 0,
    })
}

/// Addresses of all interfaces but loopback and link-local ones, each once, sorted.
pub fn addresses() -> io::Result<Vec<IpAddr>> {
    let mut list: *mut libc::ifaddrs = std::ptr::null_mut();
    // SAFETY: the call stores the head of a list, which is freed below and not used after.
    if unsafe { libc::getifaddrs(&raw mut list) } != 0 {
        return Err(io::Error::last_os_error());
    }
    let mut addresses = Vec::new();
    let mut next = list;
    while !next.is_null() {
        // SAFETY: not null, so an entry of the list, which is freed only after the loop.
        let entry = unsafe { &*next };
        addresses.extend(address(entry).filter(is_worth_telling));
        next = entry.ifa_next;
    }
    // SAFETY: the list that getifaddrs made, freed once.
    unsafe { libc::freeifaddrs(list) };
    addresses.sort_unstable();
    addresses.dedup();
    Ok(addresses)
}

fn address(entry: &libc::ifaddrs) -> Option<IpAddr> {
    if entry.ifa_addr.is_null() {
        return None;
    }
    // SAFETY: not null, so a socket address; its family says of which size and kind it is.
    unsafe {
        match i32::from((*entry.ifa_addr).sa_family) {
            libc::AF_INET => {
                let address = entry.ifa_addr.cast::<libc::sockaddr_in>().read_unaligned();
                Some(Ipv4Addr::from(u32::from_be(address.sin_addr.s_addr)).into())
            }
            libc::AF_INET6 => {
                let address = entry.ifa_addr.cast::<libc::sockaddr_in6>().read_unaligned();
                Some(Ipv6Addr::from(address.sin6_addr.s6_addr).into())
            }
            _ => None,
        }
    }
}

fn is_worth_telling(address: &IpAddr) -> bool {
    !address.is_loopback()
        && match address {
            IpAddr::V4(address) => !address.is_link_local(),
            IpAddr::V6(address) => !address.is_unicast_link_local(),
        }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machine_answers() {
        assert!(is_procfs(Path::new("/proc")) && !is_procfs(Path::new("/")));
        assert!(process_cpu_time_us() >= thread_cpu_time_us());
        assert!(!machine_name().is_empty());
        let usage = statvfs(Path::new("/")).unwrap();
        assert!(usage.size_bytes >= usage.used_bytes && usage.size_bytes > 0);
        assert!(statvfs(Path::new("/does/not/exist")).is_err());
        assert!(addresses().unwrap().iter().all(|address| !address.is_loopback()));
        let limit = raise_open_files_limit(0);
        assert!(limit > 0 && raise_open_files_limit(limit) == limit);
    }
}
