//! Why there can be no BPF.

use std::io;
use std::path::PathBuf;

/// What was attempted and did not work.
#[derive(Debug, thiserror::Error)]
pub enum BpfError {
    #[error("the kernel does not describe its types")]
    Types(#[source] Box<aya::BtfError>),
    #[error("the programs can not be prepared for this kernel")]
    Object(#[source] Box<aya::EbpfError>),
    #[error("the kernel does not take the program {program}")]
    Program { program: &'static str, source: Box<aya::programs::ProgramError> },
    #[error("the object has no {name}")]
    Missing { name: &'static str },
    #[error("the map {name} can not be used")]
    Map { name: &'static str, source: Box<aya::maps::MapError> },
    #[error("tasks can not be listed")]
    Iterator(#[source] io::Error),
    #[error("open sockets can not be listed")]
    Sockets(#[source] io::Error),
    #[error("control groups of version 2 are not mounted")]
    NoControlGroups,
    #[error("{} can not be opened", path.display())]
    ControlGroups { path: PathBuf, source: io::Error },
    #[error("it takes ends of processes, which are not told")]
    NoEnds,
}
