//! The sampler over a tree of files that stands for a machine and is edited between snapshots.

mod bpf;
mod cgroups;
mod child;
mod connections;
mod ends;
mod exactness;
mod host;
mod logins;
mod machine;
mod parts;
mod processes;
mod real;
mod trees;
