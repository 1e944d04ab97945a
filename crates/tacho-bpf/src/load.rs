//! Loads the programs, and reads what they tell.

use std::fmt;
use std::os::fd::AsFd as _;

use aya::maps::{Array, Map, MapData, RingBuf};
use aya::programs::tp_btf::BtfTracePointLink;
use aya::programs::{BtfTracePoint, Iter, Program, ProgramError};
use aya::{Btf, Ebpf, EbpfLoader};

use crate::error::BpfError;
use crate::iterator::TaskIterator;
use crate::memory::give_memory_back;
use crate::pass::Pass;
use crate::records::parse_ending;
use crate::task::{Ending, Task};

/// Aligned for whoever reads it as an ELF file.
#[repr(align(8))]
struct Aligned<B: ?Sized>(B);

static OBJECT: &Aligned<[u8]> = &Aligned(*include_bytes!("../bpf/tacho.bpf.o"));

/// Records taken in one call at most: more than the ring holds.
const MAX_RECORDS: usize = 32_768;

/// The programs at work. They end with it.
#[derive(Debug)]
pub struct Bpf {
    tasks: TaskIterator,
    pass: Pass,
    exits: Option<Exits>,
    network: Option<[BtfTracePointLink; 2]>,
}

/// Ends of processes.
struct Exits {
    ring: RingBuf<MapData>,
    lost: Array<MapData, u64>,
    _links: [BtfTracePointLink; 2],
}

impl Bpf {
    /// Loads what this kernel takes and this process may: the pass over tasks or nothing; network and ends each
    /// if it can be. For a moment it takes some twenty megabytes.
    pub fn load() -> Result<Self, BpfError> {
        let loaded = Self::load_groups();
        give_memory_back();
        loaded
    }

    fn load_groups() -> Result<Self, BpfError> {
        let types = Btf::from_sys_fs().map_err(|error| BpfError::Types(Box::new(error)))?;
        let mut object = EbpfLoader::new()
            .btf(Some(&types))
            // Storage of tasks is used by the programs only.
            .allow_unsupported_maps()
            .load(&OBJECT.0)
            .map_err(|error| BpfError::Object(Box::new(error)))?;
        let tasks = load_tasks(&mut object, &types)?;
        let exits = Exits::load(&mut object, &types).ok();
        let network = load_network(&mut object, &types).ok();
        let pass = Pass::new(exits.is_some());
        Ok(Self { tasks, pass, exits, network })
    }

    /// Ends the programs that tell of ends.
    pub fn without_exits(mut self) -> Self {
        (self.exits, self.pass) = (None, Pass::new(false));
        self
    }

    /// Bytes on the network are counted.
    pub fn tells_network(&self) -> bool {
        self.network.is_some()
    }

    /// Ends are told.
    pub fn tells_exits(&self) -> bool {
        self.exits.is_some()
    }

    /// Makes a pass over all tasks: every process the kernel lists, by pid.
    pub fn read_tasks(&mut self) -> Result<&[Task], BpfError> {
        self.pass.begin();
        self.tasks.read(&mut self.pass).map_err(BpfError::Iterator)?;
        Ok(self.pass.end())
    }

    /// The tasks of the newest pass.
    pub fn tasks(&self) -> &[Task] {
        self.pass.tasks()
    }

    /// The task with this pid in the newest pass.
    pub fn task(&self, pid: u32) -> Option<&Task> {
        let tasks = self.tasks();
        tasks.binary_search_by_key(&pid, |task| task.pid).ok().and_then(|position| tasks.get(position))
    }

    /// Hands over, and forgets, what was told of ends since the last call.
    pub fn drain_exits(&mut self, mut take: impl FnMut(Ending<'_>)) {
        let Some(exits) = &mut self.exits else { return };
        for _ in 0..MAX_RECORDS {
            let Some(record) = exits.ring.next() else { return };
            if let Some(ending) = parse_ending(&record) {
                take(ending);
            }
        }
    }

    /// How many ends found no room in the ring since the start.
    pub fn lost_exits(&self) -> u64 {
        self.exits.as_ref().and_then(|exits| exits.lost.get(&0, 0).ok()).unwrap_or(0)
    }
}

impl fmt::Debug for Exits {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Exits").finish_non_exhaustive()
    }
}

impl Exits {
    fn load(object: &mut Ebpf, types: &Btf) -> Result<Self, BpfError> {
        let ring = RingBuf::try_from(take_map(object, "exits")?);
        let lost = Array::try_from(take_map(object, "lost_exits")?);
        Ok(Self {
            ring: ring.map_err(|error| BpfError::Map { name: "exits", source: Box::new(error) })?,
            lost: lost.map_err(|error| BpfError::Map { name: "lost_exits", source: Box::new(error) })?,
            _links: [
                attach(object, types, "thread_ends", "sched_process_exit")?,
                attach(object, types, "process_is_freed", "sched_process_free")?,
            ],
        })
    }
}

fn take_map(object: &mut Ebpf, name: &'static str) -> Result<Map, BpfError> {
    object.take_map(name).ok_or(BpfError::Missing { name })
}

fn load_tasks(object: &mut Ebpf, types: &Btf) -> Result<TaskIterator, BpfError> {
    const NAME: &str = "tasks";
    let refused = |error: ProgramError| BpfError::Program { program: NAME, source: Box::new(error) };
    let program: &mut Iter = program(object, NAME)?;
    program.load("task", types).map_err(refused)?;
    TaskIterator::attach(program.fd().map_err(refused)?.as_fd()).map_err(BpfError::Iterator)
}

fn load_network(object: &mut Ebpf, types: &Btf) -> Result<[BtfTracePointLink; 2], BpfError> {
    let sent = attach(object, types, "bytes_sent", "sock_send_length")?;
    Ok([sent, attach(object, types, "bytes_received", "sock_recv_length")?])
}

/// Loads a program, attaches it, and answers the link that keeps it there.
fn attach(
    object: &mut Ebpf,
    types: &Btf,
    name: &'static str,
    point: &str,
) -> Result<BtfTracePointLink, BpfError> {
    let refused = |error: ProgramError| BpfError::Program { program: name, source: Box::new(error) };
    let program: &mut BtfTracePoint = program(object, name)?;
    program.load(point, types).map_err(refused)?;
    let link = program.attach().map_err(refused)?;
    program.take_link(link).map_err(refused)
}

fn program<'o, P>(object: &'o mut Ebpf, name: &'static str) -> Result<&'o mut P, BpfError>
where
    &'o mut P: TryFrom<&'o mut Program, Error = ProgramError>,
{
    let program = object.program_mut(name).ok_or(BpfError::Missing { name })?;
    program.try_into().map_err(|error| BpfError::Program { program: name, source: Box::new(error) })
}
