//! Reads `/proc` and `/sys`: pure parsers of kernel text, and readers rooted at a path.
//!
//! A parser takes bytes and never touches the machine; no bytes make one panic, as the kernel's text
//! is untrusted input and differs from version to version. A field that this kernel does not have is
//! `None`. A reader takes the root of its file system as a parameter, so that a recorded tree can stand
//! for a machine, keeps its files open, and allocates nothing once its buffers have grown.

mod bytes;
mod cgroup;
mod cgroup_files;
mod clock;
mod descriptors;
mod diskstats;
mod error;
mod file;
mod kmsg;
mod listing;
mod load;
mod machine;
mod mdstat;
mod meminfo;
mod mounts;
mod net;
mod numa;
mod open_files;
mod passwd;
mod pressure;
mod process;
mod rpc;
mod sensors;
mod sessions;
mod start;
mod stat;
mod sudoers;
mod system;
mod taskstats;
mod utmp;
mod vmstat;

pub use bytes::number;
pub use cgroup::{container_of, parse_cgroup, unit_of};
pub use cgroup_files::{
    GroupCpu, GroupIo, cores_of_quota, group_value, parse_cgroup_count, parse_cpu_max, parse_group_blkio,
    parse_group_cpu, parse_group_cpuacct, parse_group_io, parse_group_limit, parse_number,
};
pub use clock::{ClockState, clock_state};
pub use descriptors::{
    Descriptor, DescriptorKind, DescriptorLimits, Descriptors, FdInfo, FileAccess, FileLink, SocketEnds,
    parse_fdinfo, parse_file_link, read_descriptors,
};
pub use diskstats::{DiskStat, SECTOR_BYTES, parse_diskstats};
pub use error::ProcError;
pub use file::{Buffer, KeptFile, ProcessFiles, read_small};
pub use kmsg::{KernelEvent, KernelEventKind, KernelMessage, kernel_event, parse_kernel_message, printable};
pub use listing::{PidDirectory, parse_directory_entries};
pub use load::{FileHandles, LoadAverage, parse_file_nr, parse_loadavg, parse_uptime};
pub use machine::{OsRelease, Virtualization, parse_cpu_model, parse_os_release, virtualization};
pub use mdstat::{RaidArray, parse_mdstat};
pub use meminfo::{Meminfo, parse_meminfo};
pub use mounts::{Mount, data_mounts, parse_local_mounts, parse_mountinfo};
pub use net::{
    DumpPiece, InterfaceStat, Protocols, SocketCounts, SocketDiag, SocketRecord, TableSocket, TcpCounters,
    TcpStates, parse_dump, parse_net_dev, parse_snmp, parse_socket, parse_socket_line, parse_socket_table,
    parse_sockstat, parse_tcp_table, parse_unix_socket, tcp_state_name,
};
pub use numa::{NodeMemory, NodePages, parse_node_memory, parse_node_pages};
pub use open_files::{OpenFiles, parse_socket_link};
pub use passwd::{GroupEntry, PasswdEntry, parse_group, parse_passwd, parse_uid_min};
pub use pressure::{Pressure, parse_pressure};
pub use process::{
    Comm, ProcessIo, ProcessStat, RunMark, parse_process_io, parse_process_stat, parse_run_mark,
    parse_statm_resident, parse_swap, split_arguments,
};
pub use rpc::{RpcCalls, parse_rpc};
pub use sensors::{parse_millidegrees, sensor_number};
pub use sessions::{Session, parse_session};
pub use start::give_start_back;
pub use stat::{CpuTimes, SystemStat, parse_stat};
pub use sudoers::{Include, Sudoers, parse_sudoers};
pub use system::{
    Clocks, FileSystemUsage, addresses, clock_ticks_per_second, clocks, effective_user_id, is_procfs,
    machine_name, page_size, process_cpu_time_us, raise_open_files_limit, statvfs, thread_cpu_time_us,
};
pub use taskstats::{ExitListener, TaskstatsError, ThreadEnd, parse_thread_end};
pub use utmp::{LoginKind, LoginLayout, LoginRecord, parse_lastlog, parse_logins};
pub use vmstat::{Vmstat, parse_vmstat};
