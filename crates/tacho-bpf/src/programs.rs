//! Takes programs and maps out of the object, and brings programs to where they work.

use std::os::fd::AsFd as _;

use aya::maps::Map;
use aya::programs::tp_btf::BtfTracePointLink;
use aya::programs::{BtfTracePoint, Iter, Program, ProgramError};
use aya::{Btf, Ebpf};

use crate::error::BpfError;
use crate::iterator::Iterator;

pub(crate) fn take_map(object: &mut Ebpf, name: &'static str) -> Result<Map, BpfError> {
    object.take_map(name).ok_or(BpfError::Missing { name })
}

/// Loads a program that is called for each thing of a `kind`.
pub(crate) fn iterate(
    object: &mut Ebpf,
    types: &Btf,
    name: &'static str,
    kind: &str,
) -> Result<Iterator, BpfError> {
    let refused = |error| refusal(name, error);
    let program: &mut Iter = program(object, name)?;
    program.load(kind, types).map_err(refused)?;
    Iterator::attach(program.fd().map_err(refused)?.as_fd()).map_err(BpfError::Iterator)
}

/// Loads a program, attaches it, and answers the link that keeps it there.
pub(crate) fn trace(
    object: &mut Ebpf,
    types: &Btf,
    name: &'static str,
    point: &str,
) -> Result<BtfTracePointLink, BpfError> {
    let refused = |error| refusal(name, error);
    let program: &mut BtfTracePoint = program(object, name)?;
    program.load(point, types).map_err(refused)?;
    let link = program.attach().map_err(refused)?;
    program.take_link(link).map_err(refused)
}

pub(crate) fn program<'o, P>(object: &'o mut Ebpf, name: &'static str) -> Result<&'o mut P, BpfError>
where
    &'o mut P: TryFrom<&'o mut Program, Error = ProgramError>,
{
    let program = object.program_mut(name).ok_or(BpfError::Missing { name })?;
    program.try_into().map_err(|error| refusal(name, error))
}

pub(crate) fn refusal(program: &'static str, error: ProgramError) -> BpfError {
    BpfError::Program { program, source: Box::new(error) }
}
