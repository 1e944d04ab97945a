//! The server: takes in snapshots, keeps them, answers the API and serves the page.

pub mod api;
pub mod app;
pub mod auth;
pub mod authority;
pub mod cli;
pub mod config;
pub mod ingest;
pub mod live;
pub mod metrics;
pub mod page;
pub mod serve;
pub mod sql;
pub mod tokens;
