//! Which files a process holds open: the same reading as for a server that asks, and the same names in JSON.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use serde_json::{Value, json};
use tacho_proc::DescriptorKind;
use tacho_runtime::clock;

use super::format::Align::{Left, Right};
use super::format::{Paint, cut, field, local_time, or_dash, printable, size, table, terminal_columns};
use crate::questions::open_files::{self, Ends, OpenFile, OpenFiles, access_name, kind_name};

/// Whoever asks here is waiting, and can stop it.
const READING_TIME: Duration = Duration::from_secs(10);

/// The text for one process of this machine.
pub(super) fn show(pid: u32, is_json: bool, paint: Paint) -> anyhow::Result<String> {
    let until = Instant::now() + READING_TIME;
    let found = open_files::read_now(Path::new("/proc"), pid, &|| Instant::now() >= until);
    let found = found.with_context(|| format!("cannot show the open files of process {pid}"))?;
    Ok(if is_json {
        json_text(pid, &found, clock::wall_ms())
    } else {
        table_text(&found, paint, terminal_columns())
    })
}

fn table_text(found: &OpenFiles, paint: Paint, columns: Option<usize>) -> String {
    let header = [
        ("FD", Right),
        ("KIND", Left),
        ("ACCESS", Left),
        ("SIZE", Right),
        ("POSITION", Right),
        ("NAME", Left),
    ];
    let row = |file: &OpenFile| {
        vec![
            file.number.to_string(),
            kind_name(file.kind).to_owned(),
            field(file.access.map(access_name).unwrap_or_default()),
            or_dash(file.size_bytes, size),
            or_dash(file.position, |position| position.to_string()),
            name(file),
        ]
    };
    let mut text = table(&header, &found.files.iter().map(row).collect::<Vec<_>>(), Paint { on: false });
    if let Some(columns) = columns {
        text = cut(&text, columns);
    }
    let (titles, rest) = text.split_once('\n').unwrap_or_default();
    let mut text = format!("{}\n{rest}", paint.bold(titles));
    if is_cut(found) {
        let total = or_dash(found.total, |total| total.to_string());
        text.push_str(&format!("{} of {total}\n", found.files.len()));
    }
    text
}

fn name(file: &OpenFile) -> String {
    let mark = if file.is_deleted { " (deleted)" } else { "" };
    let text = match (&file.socket, file.kind) {
        (Some(ends), _) => ends_text(ends),
        (None, DescriptorKind::Socket | DescriptorKind::Pipe) if file.name.is_empty() => {
            or_dash(file.inode, |inode| format!("[{inode}]"))
        }
        _ => file.name.clone(),
    };
    printable(&(text + mark))
}

fn ends_text(ends: &Ends) -> String {
    let end = |address: &str, port: u16| match (address.contains(':'), ends.protocol) {
        (_, "unix") => address.to_owned(),
        (true, _) => format!("[{address}]:{port}"),
        (false, _) => format!("{address}:{port}"),
    };
    let mut text = format!("{} {}", ends.protocol, end(&ends.local_address, ends.local_port));
    if !ends.remote_address.is_empty() {
        text.push_str(&format!(" -> {}", end(&ends.remote_address, ends.remote_port)));
    }
    if !ends.state.is_empty() {
        text.push_str(&format!(" {}", ends.state));
    }
    text.trim_end().to_owned()
}

fn is_cut(found: &OpenFiles) -> bool {
    found.total.is_none_or(|total| total > found.files.len() as u64)
}

fn json_text(pid: u32, found: &OpenFiles, time_ms: i64) -> String {
    let files: Vec<Value> = found.files.iter().map(file_json).collect();
    let (time, total, more) = (local_time(time_ms), found.total, is_cut(found));
    let object =
        json!({ "time": time, "time_ms": time_ms, "pid": pid, "files": files, "total": total, "more": more });
    format!("{object}\n")
}

fn file_json(file: &OpenFile) -> Value {
    json!({
        "fd": file.number,
        "kind": kind_name(file.kind),
        "name": file.name,
        "deleted": file.is_deleted,
        "access": file.access.map(access_name),
        "position": file.position,
        "size_bytes": file.size_bytes,
        "inode": file.inode,
        "socket": file.socket.as_ref().map(ends_json),
    })
}

fn ends_json(ends: &Ends) -> Value {
    json!({
        "protocol": ends.protocol,
        "local_address": ends.local_address,
        "local_port": ends.local_port,
        "remote_address": ends.remote_address,
        "remote_port": ends.remote_port,
        "state": ends.state,
    })
}

#[cfg(test)]
mod tests {
    use tacho_proc::FileAccess;

    use super::*;

    fn file(kind: DescriptorKind, name: &str) -> OpenFile {
        OpenFile {
            number: 3,
            kind,
            name: name.to_owned(),
            is_deleted: false,
            access: Some(FileAccess::ReadWrite),
            position: Some(7),
            size_bytes: Some(2048),
            inode: Some(99),
            socket: None,
        }
    }

    #[test]
    fn a_row_says_what_is_open() {
        let deleted = OpenFile { is_deleted: true, ..file(DescriptorKind::File, "/tmp/a b") };
        let pipe = OpenFile { position: None, size_bytes: None, ..file(DescriptorKind::Pipe, "") };
        let found = OpenFiles { files: vec![deleted, pipe], total: Some(5) };
        assert_eq!(
            table_text(&found, Paint { on: false }, None),
            "FD  KIND  ACCESS        SIZE  POSITION  NAME\n \
             3  file  read-write  2.0KiB         7  /tmp/a b (deleted)\n \
             3  pipe  read-write       -         -  [99]\n2 of 5\n"
        );
        let json: Value = serde_json::from_str(&json_text(1, &found, 0)).unwrap();
        assert_eq!((&json["files"][0]["deleted"], &json["more"]), (&true.into(), &true.into()));
        assert_eq!((&json["files"][1]["size_bytes"], &json["total"]), (&Value::Null, &5.into()));
    }

    #[test]
    fn both_ends_of_a_socket_are_shown() {
        let mut ends = Ends {
            protocol: "tcp",
            local_address: "::1".to_owned(),
            local_port: 80,
            remote_address: String::new(),
            remote_port: 0,
            state: "listen",
        };
        assert_eq!(ends_text(&ends), "tcp [::1]:80 listen");
        (ends.remote_address, ends.remote_port, ends.state) = ("10.0.0.1".to_owned(), 443, "");
        assert_eq!(ends_text(&ends), "tcp [::1]:80 -> 10.0.0.1:443");
        let unix = Ends {
            protocol: "unix",
            local_address: "/run/x".to_owned(),
            remote_address: String::new(),
            ..ends
        };
        assert_eq!(ends_text(&unix), "unix /run/x");
    }
}
