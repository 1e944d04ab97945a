//! Parsers against what real kernels wrote, and against any bytes at all.

#![allow(clippy::unwrap_used, reason = "a test that fails says where by panicking")]

mod fixtures;
mod kernel_log;
mod properties;
