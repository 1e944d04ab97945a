//! Messages between agent and server, and the conversion to and from the model.
//!
//! [`v1`] is generated from `proto/` and committed, so that a build needs neither protoc nor a code
//! generator; a test regenerates it and compares. Everything that is read from a message is untrusted:
//! decoding answers with an error, never with a panic, and sizes are bounded before memory is taken.

mod blocks;
mod convert;

#[allow(clippy::all, clippy::unwrap_used, rustdoc::all, reason = "generated code, style is the generator's")]
pub mod v1 {
    include!("generated/tacho.v1.rs");
}

pub use blocks::{DecodeError, DecodedBlocks, decode_blocks, encode_blocks};
pub use convert::{
    facts_from_wire, facts_to_wire, gap_reason_from_wire, identity_from_wire, identity_to_wire,
    ranges_from_wire, ranges_to_wire,
};

/// Largest message either side takes, in bytes. A frame of 500 processes with all identities new is
/// below 200 kB.
pub const MAX_MESSAGE_BYTES: usize = 4 * 1024 * 1024;
