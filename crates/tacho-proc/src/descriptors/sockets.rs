//! Both ends of sockets, from the tables of the process's network in `/proc/PID/net`.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _};
use std::net::SocketAddr;
use std::path::Path;

use super::{Descriptor, DescriptorKind};
use crate::{parse_socket_line, parse_unix_socket};

/// Longest line of a table: that of a Unix socket with the longest path.
const LINE_BYTES: u64 = 512;

const TABLES: [&str; 5] = ["tcp", "tcp6", "udp", "udp6", UNIX];
const UNIX: &str = "unix";

/// Where a socket is, and where its other end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SocketEnds {
    Ip {
        /// `tcp` or `udp`.
        protocol: &'static str,
        local: SocketAddr,
        /// Port 0: not connected.
        remote: SocketAddr,
        /// The kernel's number; [`crate::tcp_state_name`] names those of TCP.
        state: u8,
    },
    /// Path or, after an `@`, abstract name; empty: none.
    Unix { path: Vec<u8> },
}

/// Fills in the ends of the sockets among `descriptors`, as far as there is time.
pub(super) fn find_ends(directory: &Path, descriptors: &mut [Descriptor], is_over: &dyn Fn() -> bool) {
    let is_socket = |one: &Descriptor| one.kind == DescriptorKind::Socket;
    let inodes = descriptors.iter().filter(|one| is_socket(one)).filter_map(|one| one.inode);
    let mut wanted: HashMap<u64, Option<SocketEnds>> = inodes.map(|inode| (inode, None)).collect();
    let mut missing = wanted.len();
    for table in TABLES {
        if missing == 0 || is_over() {
            break;
        }
        missing -= find_in(directory, table, &mut wanted, missing, is_over);
    }
    for one in descriptors.iter_mut().filter(|one| is_socket(one)) {
        one.socket = one.inode.and_then(|inode| wanted.get(&inode).cloned().flatten());
    }
}

/// How many were found in a table. One that is not there or is cut short has none.
fn find_in(
    directory: &Path,
    table: &str,
    wanted: &mut HashMap<u64, Option<SocketEnds>>,
    missing: usize,
    is_over: &dyn Fn() -> bool,
) -> usize {
    let Ok(file) = File::open(directory.join("net").join(table)) else { return 0 };
    let (mut reader, mut line, mut found) = (BufReader::new(file), Vec::new(), 0);
    while found < missing && !is_over() {
        line.clear();
        match reader.by_ref().take(LINE_BYTES).read_until(b'\n', &mut line) {
            Ok(1..) => {}
            _ => break,
        }
        let Some((inode, ends)) = ends_of(table, line.trim_ascii_end()) else { continue };
        if let Some(place @ None) = wanted.get_mut(&inode) {
            *place = Some(ends);
            found += 1;
        }
    }
    found
}

fn ends_of(table: &str, line: &[u8]) -> Option<(u64, SocketEnds)> {
    if table == UNIX {
        let (inode, path) = parse_unix_socket(line)?;
        return Some((inode, SocketEnds::Unix { path: path.to_owned() }));
    }
    let socket = parse_socket_line(line)?;
    let protocol = if table.starts_with("tcp") { "tcp" } else { "udp" };
    let (local, remote, state) = (socket.local, socket.remote, socket.state);
    Some((socket.inode, SocketEnds::Ip { protocol, local, remote, state }))
}
