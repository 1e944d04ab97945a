//! The real program beside a real server with a real history, asked by real clients.

#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test fails by a panic, and says on standard error what it could not check"
)]

mod answers;
mod clients;
mod command;
mod fixture;
mod limits;
mod manual;
mod plans;
mod postgres;
