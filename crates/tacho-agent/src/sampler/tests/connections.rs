//! Listeners of a machine without socket diagnosis, and what is absent there.

use tacho_model::tables::{connection, host, listener};

use super::machine::{Fake, Machine};

/// A table with sockets of (local address, state, inode).
fn table(sockets: &[(&str, &str, u64)]) -> String {
    let line = |(address, state, inode): &(&str, &str, u64)| {
        format!(" 0: {address} 00000000:0000 {state} 0:0 00:0 00000000 0 0 {inode} 1 0 100\n")
    };
    let heading =
        " sl local_address rem_address st tx_queue rx_queue tr tm->when retrnsmt uid timeout inode\n";
    heading.to_owned() + &sockets.iter().map(line).collect::<String>()
}

fn hold(machine: &Machine, pid: u32, inode: u64) {
    let directory = machine.path(&format!("proc/{pid}/fd"));
    std::fs::create_dir_all(&directory).unwrap();
    std::os::unix::fs::symlink(format!("socket:[{inode}]"), directory.join("3")).unwrap();
}

/// Rows of listeners: protocol, address, port, pid, name, open.
fn rows(machine: &Machine) -> Vec<String> {
    let block = machine.block(&listener::TABLE);
    let text = |column, row| block.text(column, row).unwrap_or("-");
    let number = |column, row| block.integer(column, row).map_or("-".to_owned(), |value| value.to_string());
    let row = |row| {
        format!(
            "{} {} {} {} {} {}",
            text(listener::PROTOCOL, row),
            text(listener::ADDRESS, row),
            number(listener::PORT, row),
            number(listener::PID, row),
            text(listener::NAME, row),
            number(listener::OPEN, row)
        )
    };
    (0..block.len()).map(row).collect()
}

fn absent(machine: &mut Machine, collector: &str) -> Vec<String> {
    let collectors = machine.sampler().facts().collectors;
    collectors.into_iter().find(|status| status.name == collector).unwrap().absent
}

#[test]
fn a_machine_without_socket_diagnosis_tells_its_listeners() {
    let mut machine = Machine::new(10);
    let http = ("0100007F:1F90", "0A", 5);
    let established = ("0100007F:1F91", "01", 6);
    machine.write("proc/net/tcp", &table(&[http, established]));
    machine.write("proc/net/udp", &table(&[("00000000:0035", "07", 7)]));
    machine.put(&Fake::new(30));
    hold(&machine, 30, 5);
    machine.tick();
    assert_eq!(rows(&machine), ["tcp 127.0.0.1 8080 30 p30 1", "udp 0.0.0.0 53 - - 1"]);
    assert!(machine.block(&connection::TABLE).is_empty());
    assert_eq!(machine.host(host::PROCESSES_NET_RX_BYTES), None);
    assert_eq!(absent(&mut machine, "connection"), ["connections: this kernel has no socket diagnosis"]);
    let of_processes = absent(&mut machine, "process");
    assert!(of_processes.iter().any(|text| text.starts_with("net_rx_bytes, net_tx_bytes: ")));

    machine.write("proc/net/tcp", &table(&[("00000000:0050", "0A", 8)]));
    for _ in 0..2 {
        machine.tick();
        assert!(rows(&machine).is_empty(), "the tables are not read at every snapshot");
    }
    machine.tick();
    assert_eq!(rows(&machine), ["tcp 127.0.0.1 8080 30 p30 0", "tcp 0.0.0.0 80 - - 1"]);
    assert_eq!(machine.block(&listener::TABLE).interval_ms, 15_000);
}

#[test]
fn a_machine_without_any_table_says_so() {
    let mut machine = Machine::new(10);
    machine.tick();
    assert_eq!(
        absent(&mut machine, "connection"),
        ["tcp listeners: not on this kernel", "udp listeners: not on this kernel"]
    );
}
