//! Loads the programs, and reads what they tell.

use std::fmt;

use aya::maps::{Array, MapData, RingBuf};
use aya::programs::tp_btf::BtfTracePointLink;
use aya::{Btf, Ebpf, EbpfLoader};

use crate::asked::Asked;
use crate::error::BpfError;
use crate::holders::Holders;
use crate::iterator::TaskIterator;
use crate::memory::give_memory_back;
use crate::network::{Network, NetworkWay, NetworkWays};
use crate::pass::Pass;
use crate::programs::{iterate, take_map, trace};
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
    asked: Asked,
    pass: Pass,
    network: Option<Network>,
    exits: Option<Exits>,
    holders: Option<Holders>,
    refusals: Vec<Refusal>,
}

/// What this kernel does not take, or this process may not do.
#[derive(Debug)]
pub struct Refusal {
    pub what: &'static str,
    pub error: BpfError,
}

/// Ends of processes.
struct Exits {
    ring: RingBuf<MapData>,
    lost: Array<MapData, u64>,
    _links: [BtfTracePointLink; 2],
}

impl Bpf {
    /// Loads what this kernel takes and this process may: the pass over tasks or nothing; ends, and network in the
    /// first of the ways, each if it can be. For a moment it takes some twenty megabytes.
    pub fn load(network: NetworkWays) -> Result<Self, BpfError> {
        let loaded = Self::load_groups(network);
        give_memory_back();
        loaded
    }

    fn load_groups(ways: NetworkWays) -> Result<Self, BpfError> {
        let types = Btf::from_sys_fs().map_err(|error| BpfError::Types(Box::new(error)))?;
        let mut object = EbpfLoader::new()
            .btf(Some(&types))
            // Storage of tasks and sockets is used by the programs only.
            .allow_unsupported_maps()
            .load(&OBJECT.0)
            .map_err(|error| BpfError::Object(Box::new(error)))?;
        let tasks = TaskIterator::new(iterate(&mut object, &types, "tasks", "task")?);
        let asked = Asked::new(take_map(&mut object, "asked_for")?)?;
        let mut refusals = Vec::new();
        let mut note = |what, error| refusals.push(Refusal { what, error });
        let exits = Exits::load(&mut object, &types).map_err(|error| note("exits", error)).ok();
        let mut network = None;
        if ways.tracepoints {
            let loaded = Network::by_tracepoints(&mut object, &types);
            network = loaded.map_err(|error| note("network by tracepoints", error)).ok();
        }
        if ways.control_groups && network.is_none() {
            let loaded = match &exits {
                Some(_) => Network::by_control_groups(&mut object, &types),
                None => Err(BpfError::NoEnds),
            };
            network = loaded.map_err(|error| note("network by control groups", error)).ok();
        }
        let holders =
            Holders::load(&mut object, &types).map_err(|error| note("holders of sockets", error)).ok();
        let pass = Pass::new(exits.is_some());
        Ok(Self { tasks, asked, pass, network, exits, holders, refusals })
    }

    /// Ends the programs that tell of ends.
    pub fn without_exits(mut self) -> Self {
        (self.exits, self.pass) = (None, Pass::new(false));
        self.asked.ask_all();
        self
    }

    /// How bytes on the network are counted; `None`: they are not.
    pub fn network(&self) -> Option<NetworkWay> {
        self.network.as_ref().map(Network::way)
    }

    /// What was tried in vain.
    pub fn refusals(&self) -> &[Refusal] {
        &self.refusals
    }

    /// Ends are told.
    pub fn tells_exits(&self) -> bool {
        self.exits.is_some()
    }

    /// What tells who holds sockets, if this kernel takes it; `None` from the second call on.
    pub fn take_holders(&mut self) -> Option<Holders> {
        self.holders.take()
    }

    /// Has the next pass tell of a process in full.
    pub fn ask(&mut self, pid: u32) {
        self.asked.ask(pid);
    }

    /// Makes a pass over all tasks: every process the kernel lists, by pid. One with a single thread that has not run
    /// since it was told [rests](Task::rests): what others can change of it without having it run is as it was, but
    /// for its state, its parent and its control group.
    pub fn read_tasks(&mut self) -> Result<&[Task], BpfError> {
        if let Some(network) = &self.network {
            network.charge()?;
            // Packets count for who holds the socket, also while it sleeps.
            if network.way() == NetworkWay::ControlGroups {
                self.asked.ask_all();
            }
        }
        if self.make_pass()? {
            self.asked.ask_all();
            self.make_pass()?;
        }
        if let Some(network) = &mut self.network {
            network.forget_ended(self.pass.tasks());
        }
        Ok(self.pass.tasks())
    }

    /// `true`: to be made anew, with everything told in full.
    fn make_pass(&mut self) -> Result<bool, BpfError> {
        let asks_all = self.asked.put()?;
        self.pass.begin();
        // What a pass that failed told is not known.
        self.asked.ask_all();
        self.tasks.read(&mut self.pass).map_err(BpfError::Iterator)?;
        self.pass.end();
        if !self.pass.is_amiss() {
            self.asked.ask_none();
        }
        Ok(self.pass.is_amiss() && !asks_all)
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
                trace(object, types, "thread_ends", "sched_process_exit")?,
                trace(object, types, "process_is_freed", "sched_process_free")?,
            ],
        })
    }
}
