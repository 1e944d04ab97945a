//! The sampler on the machine that runs the tests, with processes whose doings are known.

#![allow(clippy::unwrap_used, reason = "a test that fails says where by panicking")]
#![allow(clippy::print_stderr, reason = "a test that is left out says why")]

mod connections;
mod crowd;
mod lives;
mod namespaces;
mod network;
mod peer;
mod privileges;
mod watch;
