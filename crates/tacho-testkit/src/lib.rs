//! Development only: hosts that do not exist, a load generator that speaks the real protocol, and real
//! daemons under test.

pub mod daemons;
pub mod faults;
pub mod live;
pub mod load;
pub mod questions;
pub mod random;
pub mod store;
pub mod synthetic;
