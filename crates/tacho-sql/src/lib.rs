//! SQL over the history: a program of its own, so that no query ever hurts the server, and the server stays small.
//!
//! The server tells over a socket which files hold a table at this moment, and the rows that are in none yet; the
//! query engine ([DataFusion](https://datafusion.apache.org)) reads the files itself. Queries come from the server
//! (`POST /api/v1/sql`) over another socket, and from clients of PostgreSQL. Nothing can be written.

pub mod app;
mod bounds;
pub mod cli;
pub mod config;
mod encode;
pub mod engine;
mod history_scan;
pub mod http;
mod memory;
pub mod postgres;
pub mod reader;
mod table;
mod views;
mod yielding;
