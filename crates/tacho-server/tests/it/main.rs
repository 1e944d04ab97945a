//! The REST API in one process: real history and catalog in a temporary directory, a clock of our own, no
//! socket; and agents over the real protocol, which takes one.

#![allow(clippy::unwrap_used, reason = "a test that fails says where by panicking")]

mod access;
mod agents;
mod alert_servers;
mod alerts;
mod analysis;
mod delivery;
mod description;
mod errors;
mod events;
mod export;
mod fixture;
mod identity;
mod live;
mod maintenance;
mod manual;
mod nonsense;
mod page;
mod queries;
mod questions;
mod receivers;
mod rules;
mod sessions;
mod status;
mod tags;
mod versions;
