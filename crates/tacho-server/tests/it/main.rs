//! The REST API in one process: real history and catalog in a temporary directory, a clock of our own, no
//! socket.

#![allow(clippy::unwrap_used, reason = "a test that fails says where by panicking")]

mod access;
mod alerts;
mod description;
mod errors;
mod export;
mod fixture;
mod live;
mod manual;
mod page;
mod queries;
mod sessions;
mod status;
