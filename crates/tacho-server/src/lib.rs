//! The server: takes in snapshots, keeps them, answers the API and serves the page.

pub mod alerts;
pub mod api;
pub mod app;
pub mod auth;
pub mod authority;
pub mod certificate;
pub mod cli;
pub mod config;
pub mod ingest;
pub mod inventory;
pub mod live;
pub mod metrics;
pub mod page;
mod rebuild;
pub mod sentinels;
pub mod serve;
pub mod sql;
pub mod tokens;
