//! The server: takes in snapshots, keeps them, answers the API and serves the page.

pub mod alerts;
pub mod api;
pub mod app;
mod archives;
pub mod auth;
pub mod authority;
mod backup;
pub mod certificate;
pub mod cli;
pub mod config;
pub mod ingest;
pub mod inventory;
pub mod live;
pub mod look_back;
pub mod metrics;
pub mod page;
pub mod posted;
mod rebuild;
pub mod sentinels;
pub mod serve;
pub mod sql;
pub mod tokens;
