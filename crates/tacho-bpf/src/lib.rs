//! Tells of every process by programs in the kernel: what it used, in one pass over all tasks; its bytes on
//! the network; and the end of each process with all that it ever used.
//!
//! Most processes sleep most of the time. One with a single thread that was not switched since the pass before has
//! changed nothing itself, and is told in four bytes in place of three hundred; who wants it anew [asks](Bpf::ask).
//!
//! Knows nothing of snapshots or tables: [`Bpf`] hands out [`Task`]s and [`Exit`]s as the kernel counts them.
//! The programs are `bpf/tacho.bpf.c`; the object made of them is committed beside it, so that a build needs no
//! compiler for BPF, and a test keeps the two together. Field offsets are filled in from the running kernel's
//! own description of its types.
//!
//! The loader is aya: pure Rust, so that a build takes no C library and a fresh machine nothing but cargo. While it
//! describes the kernel's types the process has some 40 MB; afterwards, with free memory given back to the system, 2 MB
//! more than before, which is the ring of ends. libbpf would peak at 5 MB and needs libelf and zlib at build.
//!
//! It takes CAP_BPF and CAP_PERFMON, and a kernel from 5.12 that describes its types
//! (`/sys/kernel/btf/vmlinux`); network bytes take 6.3, or CAP_NET_ADMIN and control groups of version 2. What the kernel writes is read with checked lengths.

mod asked;
mod error;
mod holders;
mod iterator;
mod load;
mod memory;
mod network;
mod pass;
mod programs;
mod records;
mod task;

pub use error::BpfError;
pub use holders::Holders;
pub use load::{Bpf, Refusal};
pub use network::{NetworkWay, NetworkWays};
pub use task::{Bytes, Cpu, Ending, Exit, ExitStatus, Task, Total};
