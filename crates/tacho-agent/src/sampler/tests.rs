//! The sampler over a tree of files that stands for a machine and is edited between snapshots.

mod bpf;
mod exactness;
mod host;
mod machine;
mod processes;
mod real;
