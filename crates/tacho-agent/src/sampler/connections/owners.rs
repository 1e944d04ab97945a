//! Which process holds a socket.
//!
//! The kernel tells it the other way round only: each process has its open files. Programs in the kernel go through them
//! at a quarter of a microsecond each; without those they are links that name inodes, and take ten times as long. So
//! only sockets that matter are looked for, and only so many files are looked at in one snapshot. Of links, first those
//! of processes that are new or have another number of files open, then those of all others, now and then.
//!
//! A socket that several processes hold is given to the first that is found; of those looked at together that is
//! the one with the lowest pid, which as a rule started the others.

use std::collections::{BTreeSet, HashMap};
use std::io;
use std::path::{Path, PathBuf};

use tacho_bpf::Holders;
use tacho_proc::{OpenFiles, PidDirectory, ProcError, ProcessFiles};

use super::super::Tick;

/// The same bound as that of the kernel.
const MAX_PIDS: usize = 1 << 22;

/// All processes are looked through no more often than this.
const PASS_INTERVAL_US: u64 = 10_000_000;

/// Processes whose number of open files is asked per second on average: 0.1 % of a core.
const COUNTS_PER_SECOND: u64 = 400;

/// Links to open files read per second at most, and in one snapshot.
const LINKS_PER_SECOND: u64 = 400;
const MOST_LINKS: u64 = 4000;

/// The same of files that programs in the kernel go through: 0.1 % of a core, and 5 ms.
const FILES_PER_SECOND: u64 = 4000;
const MOST_FILES: u64 = 20_000;

/// Files that those go through at first: some 50 ms.
const FIRST_FILES: u64 = 200_000;

/// Links read by the first search, which knows nobody yet: some 50 ms.
const FIRST_LINKS: u64 = 20_000;

/// One that was not found is looked for again after so long, each time after four times as long as before.
const FIRST_WAIT_US: u64 = 20_000_000;
const LONGEST_WAIT_US: u64 = 2_560_000_000;

/// Those not found that are remembered; with more, all are looked for again.
const MAX_MISSED: usize = 65_536;

/// Who holds a socket, as seen at some time on the boot clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) struct Owner {
    pub(in super::super) pid: u32,
    pub(in super::super) found_us: u64,
}

/// Inodes of sockets, and their owners once found.
pub(super) type Wanted = HashMap<u64, Option<Owner>>;

#[derive(Debug)]
pub(super) struct Owners {
    /// Where programs in the kernel tell.
    walk: Option<Walk>,
    root: PathBuf,
    files: ProcessFiles,
    directory: Option<PidDirectory>,
    pids: Vec<u32>,
    /// How many files each process had open when it was last looked through; sorted by pid.
    counts: Vec<(u32, u64)>,
    count_due_us: u64,
    /// Processes that were found to hold sockets.
    holders: BTreeSet<u32>,
    pass: Option<Pass>,
    pass_due_us: u64,
    missed: HashMap<u64, Missed>,
    /// Files of some process were not to be seen in the newest pass, in the one under way.
    was_denied: bool,
    is_denied: bool,
}

/// A walk by programs in the kernel through all open files, over as many snapshots as it takes.
#[derive(Debug)]
struct Walk {
    holders: Holders,
    /// What was wanted when the walk that goes on began.
    sought: Vec<u64>,
    goes_on: bool,
    is_first: bool,
}

/// A walk through all processes, over as many snapshots as it takes.
#[derive(Debug)]
struct Pass {
    sought: Vec<u64>,
    /// Still to be looked at, the next one last.
    pids: Vec<u32>,
    current: Option<(u32, OpenFiles)>,
}

#[derive(Debug, Clone, Copy)]
struct Missed {
    wait_us: u64,
    again_us: u64,
}

/// What is left to do and may be done in one snapshot.
struct Search<'w> {
    wanted: &'w mut Wanted,
    missing: usize,
    links: u64,
    now_us: u64,
}

impl Owners {
    pub(super) fn new(proc_root: &Path, holders: Option<Holders>) -> Self {
        Self {
            walk: holders.map(|holders| Walk { holders, sought: Vec::new(), goes_on: false, is_first: true }),
            root: proc_root.to_owned(),
            files: ProcessFiles::new(proc_root),
            directory: PidDirectory::open(proc_root).ok(),
            pids: Vec::new(),
            counts: Vec::new(),
            count_due_us: 0,
            holders: BTreeSet::new(),
            pass: None,
            pass_due_us: 0,
            missed: HashMap::new(),
            was_denied: false,
            is_denied: false,
        }
    }

    /// Looks for the owners of `wanted` and notes those it finds there. Takes those out of `wanted` that were looked for
    /// in vain a short while ago. Programs in the kernel do not know `hidden` processes.
    pub(super) fn search(&mut self, tick: &Tick, hidden: &[u32], wanted: &mut Wanted) {
        let in_interval = |per_second: u64, most: u64| {
            let count = tick.interval_us.unwrap_or(0).saturating_mul(per_second) / 1_000_000;
            count.clamp(per_second, most)
        };
        let links = in_interval(LINKS_PER_SECOND, MOST_LINKS);
        let Some(mut walk) = self.walk.take() else { return self.search_links(tick.now_us, links, wanted) };
        self.leave_missed(tick.now_us, wanted);
        let files = if walk.is_first { FIRST_FILES } else { in_interval(FILES_PER_SECOND, MOST_FILES) };
        let mut search = Search { missing: wanted.len(), wanted, links, now_us: tick.now_us };
        match walk.go_on(files, &mut search) {
            Ok(true) => {
                self.look_at_hidden(hidden, &mut search);
                self.end(&walk.sought, &search);
            }
            Ok(false) => {}
            Err(error) => {
                tracing::debug!(%error, "open files can not be gone through; reading links to them instead");
                return;
            }
        }
        self.walk = Some(walk);
    }

    /// Through links, about so many of them at most.
    fn search_links(&mut self, now_us: u64, links: u64, wanted: &mut Wanted) {
        self.leave_missed(now_us, wanted);
        if wanted.is_empty() {
            self.pass = None;
            return;
        }
        let missing = wanted.len();
        let links = if self.counts.is_empty() { links.max(FIRST_LINKS) } else { links };
        let mut search = Search { wanted, missing, links: links / 2, now_us };
        if now_us >= self.count_due_us {
            self.look_at_changed(&mut search);
        }
        search.links = search.links.saturating_add(links.div_ceil(2));
        self.go_on(&mut search);
    }

    fn leave_missed(&self, now_us: u64, wanted: &mut Wanted) {
        wanted.retain(|inode, _| self.missed.get(inode).is_none_or(|missed| missed.again_us <= now_us));
    }

    fn look_at_hidden(&mut self, hidden: &[u32], search: &mut Search<'_>) {
        self.is_denied = false;
        for pid in hidden {
            if !search.may_go_on() {
                return;
            }
            let Ok(mut files) = search.open(&self.root, *pid, &mut self.is_denied) else { continue };
            while search.may_go_on() && search.look(*pid, &mut files) {}
        }
    }

    /// It was looked for everywhere and not found.
    pub(super) fn is_missed(&self, inode: u64) -> bool {
        self.missed.contains_key(&inode)
    }

    /// Some owners can not be seen by the agent's user.
    pub(super) fn is_denied(&self) -> bool {
        self.was_denied && !self.missed.is_empty()
    }

    fn list(&mut self) -> bool {
        let Some(directory) = &mut self.directory else { return false };
        directory.list(MAX_PIDS, &mut self.pids).is_ok()
    }

    /// Looks at processes that are new or have another number of files open. Before Linux 6.2 the number is
    /// always 0.
    fn look_at_changed(&mut self, search: &mut Search<'_>) {
        if !self.list() {
            return;
        }
        let cost_us = (self.pids.len() as u64).saturating_mul(1_000_000) / COUNTS_PER_SECOND;
        self.count_due_us = search.now_us.saturating_add(cost_us);
        let mut before = std::mem::take(&mut self.counts).into_iter().peekable();
        let mut counts = Vec::with_capacity(self.pids.len());
        for pid in &self.pids {
            let Ok(now) = self.files.open_files(*pid) else { continue };
            while before.next_if(|(known, _)| known < pid).is_some() {}
            let known = before.next_if(|(known, _)| known == pid).map(|(_, count)| count);
            if known == Some(now) {
                counts.push((*pid, now));
            } else if search.may_go_on() {
                counts.push((*pid, now));
                let Ok(mut files) = search.open(&self.root, *pid, &mut self.is_denied) else { continue };
                let found_before = search.missing;
                while search.may_go_on() && search.look(*pid, &mut files) {}
                if search.missing < found_before {
                    self.holders.insert(*pid);
                }
            } else if let Some(known) = known {
                // Changed still, the next time.
                counts.push((*pid, known));
            }
        }
        self.counts = counts;
    }

    /// Goes on with the walk through all processes, or begins one.
    fn go_on(&mut self, search: &mut Search<'_>) {
        if self.pass.is_none() {
            if search.now_us < self.pass_due_us || search.missing == 0 || !self.list() {
                return;
            }
            self.pass_due_us = search.now_us.saturating_add(PASS_INTERVAL_US);
            self.is_denied = false;
            self.pass = Some(self.new_pass(search.wanted));
        }
        let Some(mut pass) = self.pass.take() else { return };
        while search.may_go_on() {
            let found_before = search.missing;
            let Some(pid) = pass.step(search, &self.root, &mut self.is_denied) else {
                return self.end(&pass.sought, search);
            };
            if search.missing < found_before {
                self.holders.insert(pid);
            }
        }
        self.pass = (search.missing > 0).then_some(pass);
    }

    /// Those that hold sockets come first.
    fn new_pass(&mut self, wanted: &Wanted) -> Pass {
        self.holders.retain(|pid| self.pids.binary_search(pid).is_ok());
        let others = self.pids.iter().rev().filter(|pid| !self.holders.contains(pid));
        Pass {
            sought: wanted.iter().filter(|(_, owner)| owner.is_none()).map(|(inode, _)| *inode).collect(),
            pids: others.chain(self.holders.iter().rev()).copied().collect(),
            current: None,
        }
    }

    /// Everything was looked at: what was sought from the beginning and not found is not there.
    fn end(&mut self, sought: &[u64], search: &Search<'_>) {
        self.was_denied = self.is_denied;
        let now_us = search.now_us;
        self.missed.retain(|_, missed| missed.again_us.saturating_add(LONGEST_WAIT_US) > now_us);
        if self.missed.len() > MAX_MISSED {
            self.missed.clear();
        }
        for inode in sought {
            if matches!(search.wanted.get(inode), Some(None)) {
                let next_us = |missed: &Missed| missed.wait_us.saturating_mul(4).min(LONGEST_WAIT_US);
                let wait_us = self.missed.get(inode).map_or(FIRST_WAIT_US, next_us);
                self.missed.insert(*inode, Missed { wait_us, again_us: now_us.saturating_add(wait_us) });
            }
        }
    }
}

impl Walk {
    /// Looks at so many files. `true`: all have been looked at, and something was not found.
    fn go_on(&mut self, files: u64, search: &mut Search<'_>) -> io::Result<bool> {
        if search.missing == 0 {
            self.holders.stop();
            self.goes_on = false;
            return Ok(false);
        }
        if !self.goes_on {
            self.sought.clear();
            self.sought.extend(search.wanted.keys());
        }
        let is_over = self.holders.walk(files, |pid, inode| {
            search.note(pid, inode);
            search.missing > 0
        })?;
        (self.goes_on, self.is_first) = (!is_over, false);
        Ok(is_over && search.missing > 0)
    }
}

impl Pass {
    /// Looks at some files of one process and answers which; `None` when all have been looked at.
    fn step(&mut self, search: &mut Search<'_>, root: &Path, is_denied: &mut bool) -> Option<u32> {
        if let Some((pid, files)) = &mut self.current {
            let pid = *pid;
            if !search.look(pid, files) {
                self.current = None;
            }
            return Some(pid);
        }
        let pid = self.pids.pop()?;
        self.current = search.open(root, pid, is_denied).ok().map(|files| (pid, files));
        Some(pid)
    }
}

impl Search<'_> {
    fn may_go_on(&self) -> bool {
        self.missing > 0 && self.links > 0
    }

    /// Opening costs as much as a link.
    fn open(&mut self, root: &Path, pid: u32, is_denied: &mut bool) -> Result<OpenFiles, ProcError> {
        self.links = self.links.saturating_sub(1);
        let opened = OpenFiles::open(root, pid);
        *is_denied |= matches!(opened, Err(ProcError::Denied { .. }));
        opened
    }

    fn note(&mut self, pid: u32, inode: u64) {
        if let Some(owner @ None) = self.wanted.get_mut(&inode) {
            *owner = Some(Owner { pid, found_us: self.now_us });
            self.missing -= 1;
        }
    }

    /// Looks at the next few files; `false` when there are no more.
    fn look(&mut self, pid: u32, files: &mut OpenFiles) -> bool {
        let looked = files.next_sockets(|inode| self.note(pid, inode)).unwrap_or(0);
        self.links = self.links.saturating_sub(looked as u64);
        looked > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND_US: u64 = 1_000_000;

    struct Tree {
        root: tempfile::TempDir,
        owners: Owners,
    }

    impl Tree {
        fn new(processes: &[(u32, &[u64])]) -> Self {
            let root = tempfile::tempdir().unwrap();
            for (pid, inodes) in processes {
                for inode in *inodes {
                    hold(root.path(), *pid, *inode);
                }
            }
            let owners = Owners::new(root.path(), None);
            Self { root, owners }
        }

        fn search(&mut self, now_s: u64, links: u64, inodes: &[u64]) -> Vec<Option<u32>> {
            let mut wanted: Wanted = inodes.iter().map(|inode| (*inode, None)).collect();
            self.owners.search_links(now_s * SECOND_US, links, &mut wanted);
            inodes.iter().map(|inode| wanted.get(inode).copied().flatten().map(|owner| owner.pid)).collect()
        }
    }

    fn hold(root: &Path, pid: u32, inode: u64) {
        let directory = root.join(format!("{pid}/fd"));
        std::fs::create_dir_all(&directory).unwrap();
        std::os::unix::fs::symlink(format!("socket:[{inode}]"), directory.join(inode.to_string())).unwrap();
    }

    #[test]
    fn a_socket_is_its_holders_and_the_lowest_pids_of_several() {
        let mut tree = Tree::new(&[(10, &[1, 2]), (7, &[2, 3]), (30, &[4])]);
        assert_eq!(tree.search(1, 1000, &[1, 2, 4, 9]), [Some(10), Some(7), Some(30), None]);
    }

    #[test]
    fn few_links_are_read_at_a_time_and_in_the_end_all() {
        let mut tree = Tree::new(&[(4, &[2])]);
        assert_eq!(tree.search(0, 60, &[2]), [Some(4)]);
        (100..1100).for_each(|inode| hold(tree.root.path(), 5, inode));
        hold(tree.root.path(), 6, 1);
        let found: Vec<_> = (1..100).map(|number| tree.search(5 * number, 60, &[1])[0]).collect();
        assert_eq!(found[0], None, "the first process has more than one may read at once");
        assert!(found.contains(&Some(6)));
    }

    #[test]
    fn what_is_nowhere_is_looked_for_seldom() {
        let mut tree = Tree::new(&[(5, &[1])]);
        tree.search(0, 1000, &[9]);
        assert!(tree.owners.is_missed(9));
        hold(tree.root.path(), 5, 9);
        let found: Vec<u64> =
            (1..100).filter(|second| tree.search(*second, 1000, &[9])[0].is_some()).collect();
        assert_eq!(found.first(), Some(&20));
        tree.search(0, 1000, &[]);
        assert!(tree.owners.pass.is_none(), "nothing is looked for when nothing is wanted");
    }

    #[test]
    fn a_new_process_is_looked_at_at_once() {
        let mut tree = Tree::new(&[(5, &[1])]);
        assert_eq!(tree.search(0, 1000, &[1]), [Some(5)]);
        hold(tree.root.path(), 8, 2);
        assert_eq!(tree.search(1, 1000, &[2]), [Some(8)], "long before the next walk through all");
        hold(tree.root.path(), 5, 3);
        assert_eq!(tree.search(20, 1000, &[3]), [Some(5)]);
    }
}
