//! What every Tacho daemon needs and no domain type: clock, command line, configuration, logging, task group, the lock
//! of a data directory, TLS identity.

pub mod cli;
pub mod clock;
pub mod config;
pub mod files;
pub mod logging;
pub mod memory;
pub mod tasks;
pub mod tls;
