//! On this process, and on trees made of anything.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{Seek as _, SeekFrom, Write as _};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;

use proptest::prelude::*;

use super::*;

const LIMITS: DescriptorLimits = DescriptorLimits { descriptors: 100_000, name_bytes: 1 << 20 };

/// Open files of this test process, in which other tests open and close theirs.
fn own() -> BTreeMap<u32, Descriptor> {
    let found = read_descriptors(Path::new("/proc"), std::process::id(), LIMITS, &|| false).unwrap();
    assert!(found.total.unwrap() > 0);
    found.told.into_iter().map(|one| (one.number, one)).collect()
}

fn number_of(file: &impl AsRawFd) -> u32 {
    file.as_raw_fd().try_into().unwrap()
}

#[test]
fn files_of_every_kind_are_told_apart() {
    // In memory, so that it is local wherever the tests run.
    let directory = tempfile::tempdir_in("/dev/shm").unwrap();
    let path = directory.path().join("a\nb (deleted)");
    let mut file = File::create(&path).unwrap();
    file.write_all(b"hello").unwrap();
    file.seek(SeekFrom::Start(3)).unwrap();
    let gone_path = directory.path().join("gone");
    let gone = File::create_new(&gone_path).unwrap();
    std::fs::remove_file(&gone_path).unwrap();
    let (of_directory, null) = (File::open(directory.path()).unwrap(), File::open("/dev/null").unwrap());
    let (reader, writer) = std::io::pipe().unwrap();
    let (reader, writer) = (OwnedFd::from(reader), OwnedFd::from(writer));

    let own = own();
    let one = |file: &dyn AsRawFd| &own[&u32::try_from(file.as_raw_fd()).unwrap()];
    let told = one(&file);
    assert_eq!((told.kind, told.access), (DescriptorKind::File, Some(FileAccess::Write)));
    assert_eq!((told.name.as_slice(), told.is_deleted), (path.as_os_str().as_bytes(), false));
    assert_eq!((told.position, told.size_bytes), (Some(3), Some(5)));
    assert_eq!(told.inode, Some(file.metadata().unwrap().ino()));
    let told = one(&gone);
    assert_eq!((told.name.as_slice(), told.is_deleted), (gone_path.as_os_str().as_bytes(), true));
    assert_eq!((one(&of_directory).kind, one(&of_directory).size_bytes), (DescriptorKind::Directory, None));
    assert_eq!((one(&null).kind, one(&null).access), (DescriptorKind::Device, Some(FileAccess::Read)));
    let (reader, writer) = (one(&reader), one(&writer));
    assert_eq!((reader.kind, reader.inode), (DescriptorKind::Pipe, writer.inode));
    assert_eq!((reader.access, writer.access), (Some(FileAccess::Read), Some(FileAccess::Write)));
}

#[test]
fn sockets_are_told_with_both_ends() {
    let directory = tempfile::tempdir().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let local = listener.local_addr().unwrap();
    let stream = TcpStream::connect(local).unwrap();
    let udp = UdpSocket::bind("[::1]:0").unwrap();
    let path = directory.path().join("a socket");
    let unix = UnixListener::bind(&path).unwrap();
    let own = own();
    let ends = |file: &dyn AsRawFd| own[&u32::try_from(file.as_raw_fd()).unwrap()].socket.clone().unwrap();
    let nowhere = "0.0.0.0:0".parse().unwrap();
    assert_eq!(ends(&listener), SocketEnds::Ip { protocol: "tcp", local, remote: nowhere, state: 10 });
    let own_end = stream.local_addr().unwrap();
    assert_eq!(ends(&stream), SocketEnds::Ip { protocol: "tcp", local: own_end, remote: local, state: 1 });
    let SocketEnds::Ip { protocol, local, remote, .. } = ends(&udp) else { panic!("not IP") };
    assert_eq!((protocol, local, remote.port()), ("udp", udp.local_addr().unwrap(), 0));
    assert_eq!(ends(&unix), SocketEnds::Unix { path: path.into_os_string().into_vec() });
}

#[test]
fn limits_and_time_hold_and_the_rest_is_counted() {
    let directory = tempfile::tempdir().unwrap();
    let held: Vec<_> =
        (0..20).map(|number| File::create(directory.path().join(format!("{number}"))).unwrap()).collect();
    let look = |limits, is_over: &dyn Fn() -> bool| {
        read_descriptors(Path::new("/proc"), std::process::id(), limits, is_over).unwrap()
    };
    let few = look(DescriptorLimits { descriptors: 5, ..LIMITS }, &|| false);
    assert!(few.told.len() <= 5 && few.total.unwrap() >= held.len() as u64, "{few:?}");
    let greatest = held.iter().map(number_of).max().unwrap();
    assert!(few.told.iter().all(|one| one.number < greatest), "the lowest");
    let short = look(DescriptorLimits { name_bytes: 100, ..LIMITS }, &|| false);
    assert!(short.told.iter().map(|one| one.name.len()).sum::<usize>() <= 100);
    let over = look(LIMITS, &|| true);
    assert_eq!((over.told.len(), over.total), (0, None));
}

#[test]
fn what_is_not_there_is_gone() {
    let look = |pid| read_descriptors(Path::new("/proc"), pid, LIMITS, &|| false);
    assert!(look(0).unwrap_err().is_gone());
    assert!(look(u32::MAX).unwrap_err().is_gone());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// A tree whose links and texts say anything at all is read without a panic, and a name comes as it was.
    #[test]
    fn a_tree_may_say_anything(
        links in proptest::collection::vec(("[^\0]{1,60}|/[^\0]{1,40}( \\(deleted\\))?|(socket|pipe):\\[[0-9]{0,22}\\]", ".{0,80}"), 0..8),
        tables in proptest::array::uniform3(proptest::collection::vec(any::<u8>(), 0..300)),
    ) {
        let root = tempfile::tempdir().unwrap();
        let process = root.path().join("7");
        for part in ["fd", "fdinfo", "net"] {
            std::fs::create_dir_all(process.join(part)).unwrap();
        }
        for (name, text) in ["net/tcp", "net/unix", "mountinfo"].into_iter().zip(&tables) {
            std::fs::write(process.join(name), text).unwrap();
        }
        for (number, (link, info)) in links.iter().enumerate() {
            symlink(OsString::from_vec(link.clone().into_bytes()), process.join(format!("fd/{number}"))).unwrap();
            std::fs::write(process.join(format!("fdinfo/{number}")), info).unwrap();
        }
        symlink("/x", process.join("fd/not a number")).unwrap();
        let found = read_descriptors(root.path(), 7, LIMITS, &|| false).unwrap();
        prop_assert_eq!(found.total, Some(links.len() as u64));
        prop_assert_eq!(found.told.len(), links.len());
        for (one, (link, _)) in found.told.iter().zip(&links) {
            if one.kind == DescriptorKind::File && !one.is_deleted {
                prop_assert_eq!(&one.name, link.as_bytes());
            }
        }
    }
}
