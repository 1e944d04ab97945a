//! The real daemons, where nothing less shows it: killed, crowded, short of room, without rights.

#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test fails by a panic, and says on standard error what it could not check"
)]

mod absence;
mod alerts;
mod archives;
mod backup;
mod catalog_lost;
mod channels;
mod delivery;
mod disk_full;
mod faults;
mod identity;
mod kill;
mod link;
mod packaging;
mod peers;
mod questions;
mod receivers;
mod refused;
mod scripts;
mod unprivileged;
mod usage;
