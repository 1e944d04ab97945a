//! What the agent sees as which user, with which capabilities: the table in `docs/privileges.md` is what this test
//! finds. `BLESS=1` writes it anew; otherwise a column that this machine can make has to be the same.

mod role;
mod view;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use super::peer::{Peer, ROLE, transfer};
use super::watch::has_socket_diagnosis;
use role::{ROLES, Role, become_user};
use view::{AGENT, Cell, READINGS};

/// The agent's user where it is not root, and another one.
const NOBODY: u32 = 65534;
const SOMEBODY: u32 = 65533;

/// Position of bytes received and sent among the cells.
const BYTES: usize = 5;

/// Snapshots until everything that can be seen has been, on a machine with few processes.
const ROUNDS: usize = 4;
/// Snapshots until it has been on any: who holds a socket is found at a bounded pace.
const MOST_ROUNDS: usize = 200;

const BEGIN: &str = "<!-- what the test `privileges` found -->\n";
const END: &str = "\n<!-- end -->";

/// A process of `user` with a connection to itself and a listener.
struct Subject {
    near: Peer,
    far: Peer,
    port: u16,
}

impl Subject {
    fn start(user: u32) -> Self {
        let start = || Peer::start_with(ROLE, |command| become_user(command, Some(user), &[]));
        let (mut near, mut far) = (start(), start());
        let listening = far.address("listen 127.0.0.1:0");
        near.address(&format!("connect {listening}"));
        far.address("accept");
        Self { near, far, port: listening.port() }
    }

    fn act(&mut self) {
        self.far.done("work 30000");
        transfer(&mut self.near, &mut self.far, 2000);
    }

    /// What the agent is asked about: the process that listens, and its port.
    fn name(&self) -> String {
        format!("{} {}", self.far.pid(), self.port)
    }
}

/// An agent in `role`.
fn start(role: &Role) -> Peer {
    Peer::start_with(AGENT, |command| become_user(command, role.user, role.capabilities))
}

/// What an agent sees; one cell for each reading. `order` says how it looks at first; it looks on until it has seen
/// enough.
fn look(
    agent: &mut Peer,
    order: &str,
    own: &mut Subject,
    other: &mut Subject,
    is_enough: impl Fn(&[Cell]) -> bool,
) -> Vec<Cell> {
    let mut cells: Vec<Cell> = Vec::new();
    for round in 0..MOST_ROUNDS {
        if round >= ROUNDS && is_enough(&cells) {
            break;
        }
        own.act();
        other.act();
        agent.order(&format!("{order} {} {}", own.name(), other.name()));
        cells = agent.answer().split(',').map(str::to_owned).collect();
    }
    assert_eq!(cells.len(), READINGS.len());
    cells
}

fn document() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/privileges.md")
}

/// A column of the table: its heading, then its cells.
type Column = Vec<String>;

fn render(columns: &[Column]) -> String {
    let readings = ["".to_owned()].into_iter().chain(READINGS.map(str::to_owned));
    let mut text = String::new();
    for (row, reading) in readings.enumerate() {
        write!(text, "| {reading} |").unwrap();
        columns.iter().for_each(|column| write!(text, " {} |", column[row]).unwrap());
        text.push('\n');
        if row == 0 {
            writeln!(text, "|---|{}", "---|".repeat(columns.len())).unwrap();
        }
    }
    text.trim_end().to_owned()
}

fn parse(table: &str) -> Vec<Column> {
    let rows: Vec<Vec<&str>> = table
        .lines()
        .filter(|line| !line.starts_with("|---"))
        .map(|line| line.trim_matches('|').split('|').map(str::trim).collect())
        .collect();
    let columns = rows.first().map_or(0, Vec::len);
    (1..columns).map(|column| rows.iter().map(|row| row[column].to_owned()).collect()).collect()
}

#[test]
fn the_manual_says_what_each_user_sees() {
    if tacho_proc::effective_user_id() != 0 || !has_socket_diagnosis() {
        return eprintln!("left out: takes root, who can be everybody, and a kernel with socket diagnosis");
    }
    let (mut own, mut other) = (Subject::start(NOBODY), Subject::start(SOMEBODY));
    let text = std::fs::read_to_string(document()).unwrap();
    let (before, rest) = text.split_once(BEGIN).unwrap();
    let (table, after) = rest.split_once(END).unwrap();
    let is_blessed = std::env::var_os("BLESS").is_some();
    let known = if is_blessed { Vec::new() } else { parse(table) };
    let found = ROLES.iter().map(|role| {
        let known = known.iter().find(|column| column[0] == role.name).map(|column| &column[1..]);
        let cells = look(&mut start(role), "look", &mut own, &mut other, |cells| {
            // A kernel that reads processes in another way shows something else.
            known.is_none_or(|known| known == cells || known[0] != cells[0])
        });
        (role, [vec![role.name.to_owned()], cells].concat())
    });
    // Capabilities for BPF show nothing where this kernel, or this build, has no BPF.
    let found: Vec<Column> = found
        .filter(|(role, column)| !role.is_for_bpf || column[1] == "BPF")
        .map(|(_, column)| column)
        .collect();

    if is_blessed {
        let text = format!("{before}{BEGIN}{}{END}{after}", render(&found));
        return std::fs::write(document(), text).unwrap();
    }
    for column in &found {
        let Some(known) = known.iter().find(|known| known[0] == column[0]) else {
            panic!("{:?} is not in docs/privileges.md; BLESS=1 writes it", column[0]);
        };
        if known[1] == column[1] {
            assert_eq!(known, column, "docs/privileges.md; BLESS=1 writes it");
        }
    }
}

#[test]
fn by_diagnosis_another_users_bytes_are_absent_and_not_zero() {
    let Some((mut agent, mut own, mut other)) = agent_by_bpf() else { return };
    let cells = look(&mut agent, "diag", &mut own, &mut other, |cells| {
        cells[0] != "BPF" || cells[BYTES] == "of its own user"
    });
    if cells[0] == "BPF" {
        assert_eq!(cells[BYTES], "of its own user");
    }
}

#[test]
fn a_way_that_is_refused_is_told_with_the_reason() {
    let Some((mut agent, mut own, mut other)) = agent_by_bpf() else { return };
    let cells = look(&mut agent, "cgroup", &mut own, &mut other, |_| true);
    if cells[0] == "BPF" {
        agent.order("remarks");
        let remarks = agent.answer();
        assert!(remarks.contains("BPF network by control groups: the kernel does not take"), "{remarks}");
        assert_eq!(cells[BYTES], "no");
    }
}

/// An agent of `nobody` with the capabilities for BPF, which are not enough for programs of control groups, a
/// process of its user and one of another's.
fn agent_by_bpf() -> Option<(Peer, Subject, Subject)> {
    if tacho_proc::effective_user_id() != 0 || !has_socket_diagnosis() {
        eprintln!("left out: takes root, who can be everybody, and a kernel with socket diagnosis");
        return None;
    }
    let role = ROLES.iter().find(|role| role.is_for_bpf)?;
    Some((start(role), Subject::start(NOBODY), Subject::start(SOMEBODY)))
}
