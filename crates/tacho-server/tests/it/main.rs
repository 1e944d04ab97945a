//! The REST API in one process: real history and catalog in a temporary directory, a clock of our own, no
//! socket.

mod access;
mod description;
mod errors;
mod export;
mod fixture;
mod live;
mod page;
mod queries;
mod sessions;
mod status;
