//! The spool with real files: random use with kills and damage against a model, full and read-only directories,
//! and files that earlier versions wrote.

#![allow(clippy::unwrap_used, reason = "a test that fails says where by panicking")]
#![allow(clippy::print_stderr, reason = "a test that is left out says why")]

mod damage;
mod faults;
mod fixtures;
mod kept;
mod ledger;
mod model;
