//! Integration tests of `tacho-wire`.

#![allow(clippy::unwrap_used, reason = "a test that fails says where by panicking")]

mod generated;
mod versions;
