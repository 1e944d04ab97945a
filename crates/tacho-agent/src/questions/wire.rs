//! Open files as the wire has them.

use tacho_proc::{DescriptorKind, FileAccess};
use tacho_wire::v1;

use super::open_files::{Ends, OpenFile, OpenFiles};

pub(super) fn to_wire(found: OpenFiles) -> v1::OpenFiles {
    v1::OpenFiles { files: found.files.into_iter().map(file).collect(), total: found.total }
}

fn file(file: OpenFile) -> v1::OpenFile {
    v1::OpenFile {
        number: file.number,
        kind: kind(file.kind).into(),
        name: file.name,
        deleted: file.is_deleted,
        access: file.access.map_or(v1::FileAccess::Unknown, access).into(),
        position: file.position,
        size_bytes: file.size_bytes,
        inode: file.inode,
        socket: file.socket.map(ends),
    }
}

fn kind(kind: DescriptorKind) -> v1::OpenFileKind {
    match kind {
        DescriptorKind::File => v1::OpenFileKind::File,
        DescriptorKind::Directory => v1::OpenFileKind::Directory,
        DescriptorKind::Socket => v1::OpenFileKind::Socket,
        DescriptorKind::Pipe => v1::OpenFileKind::Pipe,
        DescriptorKind::Device => v1::OpenFileKind::Device,
        DescriptorKind::Anonymous => v1::OpenFileKind::Anonymous,
    }
}

fn access(access: FileAccess) -> v1::FileAccess {
    match access {
        FileAccess::Read => v1::FileAccess::Read,
        FileAccess::Write => v1::FileAccess::Write,
        FileAccess::ReadWrite => v1::FileAccess::ReadWrite,
        FileAccess::Path => v1::FileAccess::Path,
    }
}

fn ends(ends: Ends) -> v1::SocketEnds {
    v1::SocketEnds {
        protocol: ends.protocol.to_owned(),
        local_address: ends.local_address,
        local_port: ends.local_port.into(),
        remote_address: ends.remote_address,
        remote_port: ends.remote_port.into(),
        state: ends.state.to_owned(),
    }
}
