//! The agent: records this host and every process on it, and sends it to a server.
//!
//! One thread samples on a fixed schedule ([`recorder`], [`sampler`]) into a bounded queue ([`queue`]); one
//! single-threaded runtime keeps the stream to the server up ([`link`]), its certificate fresh ([`renewal`]), raises
//! the alarm when no server can be reached ([`sentinel`]), and answers what the server may ask ([`questions`]).

pub mod app;
mod beginning;
pub mod budget;
pub mod cli;
pub mod config;
pub mod identity;
pub mod join;
pub mod keeper;
pub mod link;
pub mod questions;
pub mod queue;
pub mod recorder;
pub mod renewal;
pub mod sampler;
pub mod scripts;
pub mod sentinel;
pub mod show;
pub mod waiting;
