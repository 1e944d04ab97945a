//! The sampler over a tree of files that stands for a machine and is edited between snapshots.

mod connections;
mod exactness;
mod host;
mod machine;
mod processes;
mod real;
