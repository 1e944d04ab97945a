//! Every table and column of Tacho. Ids are promises: they are on disk and on the wire.
//!
//! To add a reading: add a line here with the next free id, and set it in its collector. Never reuse
//! or renumber an id, never change a unit; a better reading gets a new column.
//!
//! Four columns come before these in every table and are not listed: `time` (1), `host_id` (2),
//! `host` (3), `interval_ms` (4).

use crate::Table;
use crate::table::table;

/// All tables, in the order of their ids.
pub static ALL: &[&Table] = &[
    &host::TABLE,
    &cpu::TABLE,
    &disk::TABLE,
    &filesystem::TABLE,
    &interface::TABLE,
    &process::TABLE,
    &connection::TABLE,
    &listener::TABLE,
    &cgroup::TABLE,
    &sensor::TABLE,
    &numa::TABLE,
    &raid::TABLE,
    &gpu::TABLE,
    &event::TABLE,
    &script::TABLE,
    &metric::TABLE,
];

/// The table called `name`.
pub fn by_name(name: &str) -> Option<&'static Table> {
    ALL.iter().copied().find(|table| table.name == name)
}

/// The table with the wire id `id`.
pub fn by_id(id: u8) -> Option<&'static Table> {
    ALL.iter().copied().find(|table| table.id == id)
}

table! {
    /// The host as a whole, one row per snapshot.
    host = 1, entity [] {
        /// Time since boot.
        UPTIME_SECONDS: Integer Gauge Seconds = 10;
        /// CPU time of all cores in user mode, guests not included.
        CPU_USER_US: Integer Delta Microseconds = 11;
        /// CPU time of all cores in user mode at low priority.
        CPU_NICE_US: Integer Delta Microseconds = 12;
        /// CPU time of all cores in the kernel.
        CPU_SYSTEM_US: Integer Delta Microseconds = 13;
        /// CPU time of all cores in hardware interrupts.
        CPU_IRQ_US: Integer Delta Microseconds = 14;
        /// CPU time of all cores in soft interrupts.
        CPU_SOFTIRQ_US: Integer Delta Microseconds = 15;
        /// CPU time that the hypervisor gave to others.
        CPU_STEAL_US: Integer Delta Microseconds = 16;
        /// CPU time of all cores idle with disk requests outstanding.
        CPU_IOWAIT_US: Integer Delta Microseconds = 17;
        /// CPU time of all cores idle.
        CPU_IDLE_US: Integer Delta Microseconds = 18;
        /// CPU time of all cores running guests.
        CPU_GUEST_US: Integer Delta Microseconds = 19;
        /// Logical CPUs online.
        CPU_CORES: Integer Gauge None = 20;
        /// Tasks running or waiting to run, mean of a minute.
        LOAD1: Float Gauge None = 21;
        /// The same over 5 minutes.
        LOAD5: Float Gauge None = 22;
        /// The same over 15 minutes.
        LOAD15: Float Gauge None = 23;
        /// Context switches.
        CONTEXT_SWITCHES: Integer Delta None = 24;
        /// Hardware interrupts served.
        INTERRUPTS: Integer Delta None = 25;
        /// Processes and threads created.
        FORKS: Integer Delta None = 26;
        /// Tasks runnable now.
        TASKS_RUNNING: Integer Gauge None = 27;
        /// Tasks blocked on a disk now.
        TASKS_BLOCKED: Integer Gauge None = 28;
        /// Processes alive.
        PROCESSES: Integer Gauge None = 29;
        /// Threads alive.
        THREADS: Integer Gauge None = 30;
        /// Memory the kernel manages.
        MEMORY_TOTAL_BYTES: Integer Gauge Bytes = 31;
        /// Memory nothing uses.
        MEMORY_FREE_BYTES: Integer Gauge Bytes = 32;
        /// Memory that new work can have without swapping; estimated as free + buffers + cached where the kernel (before 3.14) does not tell.
        MEMORY_AVAILABLE_BYTES: Integer Gauge Bytes = 33;
        /// Block device buffers.
        MEMORY_BUFFERS_BYTES: Integer Gauge Bytes = 34;
        /// Page cache, shared memory included.
        MEMORY_CACHED_BYTES: Integer Gauge Bytes = 35;
        /// Shared memory and tmpfs.
        MEMORY_SHARED_BYTES: Integer Gauge Bytes = 36;
        /// Anonymous memory mapped by processes.
        MEMORY_ANONYMOUS_BYTES: Integer Gauge Bytes = 37;
        /// Files mapped by processes.
        MEMORY_MAPPED_BYTES: Integer Gauge Bytes = 38;
        /// Recently used memory.
        MEMORY_ACTIVE_BYTES: Integer Gauge Bytes = 39;
        /// Memory not used recently.
        MEMORY_INACTIVE_BYTES: Integer Gauge Bytes = 40;
        /// Kernel slab that can be given back.
        MEMORY_SLAB_RECLAIMABLE_BYTES: Integer Gauge Bytes = 41;
        /// Kernel slab that can not.
        MEMORY_SLAB_UNRECLAIMABLE_BYTES: Integer Gauge Bytes = 42;
        /// Waiting to be written to disk.
        MEMORY_DIRTY_BYTES: Integer Gauge Bytes = 43;
        /// Being written to disk.
        MEMORY_WRITEBACK_BYTES: Integer Gauge Bytes = 44;
        /// Page tables.
        MEMORY_PAGE_TABLES_BYTES: Integer Gauge Bytes = 45;
        /// Kernel stacks.
        MEMORY_KERNEL_STACK_BYTES: Integer Gauge Bytes = 46;
        /// Memory that can not be reclaimed (locked, ramfs).
        MEMORY_UNEVICTABLE_BYTES: Integer Gauge Bytes = 47;
        /// Memory promised to processes.
        MEMORY_COMMITTED_BYTES: Integer Gauge Bytes = 48;
        /// Most that may be promised under strict overcommit.
        MEMORY_COMMIT_LIMIT_BYTES: Integer Gauge Bytes = 49;
        /// Memory set aside as huge pages.
        MEMORY_HUGE_PAGES_TOTAL_BYTES: Integer Gauge Bytes = 50;
        /// Huge pages nothing uses.
        MEMORY_HUGE_PAGES_FREE_BYTES: Integer Gauge Bytes = 51;
        /// Swap space.
        SWAP_TOTAL_BYTES: Integer Gauge Bytes = 52;
        /// Swap space nothing uses.
        SWAP_FREE_BYTES: Integer Gauge Bytes = 53;
        /// Swapped out once, in memory again, still on disk.
        SWAP_CACHED_BYTES: Integer Gauge Bytes = 54;
        /// Read back from swap.
        SWAP_IN_BYTES: Integer Delta Bytes = 55;
        /// Written to swap.
        SWAP_OUT_BYTES: Integer Delta Bytes = 56;
        /// Page faults.
        PAGE_FAULTS: Integer Delta None = 57;
        /// Page faults that waited for a disk.
        PAGE_FAULTS_MAJOR: Integer Delta None = 58;
        /// Processes the kernel killed for want of memory.
        OOM_KILLS: Integer Delta None = 59;
        /// Time in which at least one task waited for a CPU (pressure stall information).
        CPU_PRESSURE_SOME_US: Integer Delta Microseconds = 60;
        /// Time in which at least one task waited for memory.
        MEMORY_PRESSURE_SOME_US: Integer Delta Microseconds = 61;
        /// Time in which every task waited for memory.
        MEMORY_PRESSURE_FULL_US: Integer Delta Microseconds = 62;
        /// Time in which at least one task waited for a disk.
        IO_PRESSURE_SOME_US: Integer Delta Microseconds = 63;
        /// Time in which every task waited for a disk.
        IO_PRESSURE_FULL_US: Integer Delta Microseconds = 64;
        /// Time in which interrupts kept every task from running.
        IRQ_PRESSURE_FULL_US: Integer Delta Microseconds = 65;
        /// Open file handles.
        OPEN_FILES: Integer Gauge None = 66;
        /// Most open file handles the kernel allows.
        OPEN_FILES_MAX: Integer Gauge None = 67;
        /// Read from all whole disks.
        DISK_READ_BYTES: Integer Delta Bytes = 68;
        /// Written to all whole disks.
        DISK_WRITE_BYTES: Integer Delta Bytes = 69;
        /// Busy time of the busiest disk.
        DISK_BUSY_US_MAX: Integer Delta Microseconds = 70;
        /// Received on all physical interfaces (where there is none: all but loopback).
        NET_RX_BYTES: Integer Delta Bytes = 71;
        /// Sent on all physical interfaces (where there is none: all but loopback).
        NET_TX_BYTES: Integer Delta Bytes = 72;
        /// Sockets of any kind.
        SOCKETS: Integer Gauge None = 73;
        /// TCP sockets established.
        TCP_ESTABLISHED: Integer Gauge None = 74;
        /// TCP sockets with a connection request sent.
        TCP_SYN_SENT: Integer Gauge None = 75;
        /// TCP sockets with a connection request received.
        TCP_SYN_RECEIVED: Integer Gauge None = 76;
        /// TCP sockets in FIN-WAIT-1 or FIN-WAIT-2.
        TCP_FIN_WAIT: Integer Gauge None = 77;
        /// TCP sockets in TIME-WAIT.
        TCP_TIME_WAIT: Integer Gauge None = 78;
        /// TCP sockets in CLOSE-WAIT: the peer hung up and the program has not noticed.
        TCP_CLOSE_WAIT: Integer Gauge None = 79;
        /// TCP sockets in LAST-ACK or CLOSING.
        TCP_CLOSING: Integer Gauge None = 80;
        /// TCP sockets listening.
        TCP_LISTEN: Integer Gauge None = 81;
        /// UDP sockets.
        UDP_SOCKETS: Integer Gauge None = 82;
        /// TCP segments sent again.
        TCP_RETRANSMITS: Integer Delta None = 83;
        /// TCP segments received.
        TCP_SEGMENTS_IN: Integer Delta None = 84;
        /// TCP segments sent.
        TCP_SEGMENTS_OUT: Integer Delta None = 85;
        /// UDP datagrams dropped on receipt.
        UDP_ERRORS_IN: Integer Delta None = 86;
        /// CPU time in user mode of all processes, counted independently of the process rows.
        PROCESSES_CPU_USER_US: Integer Delta Microseconds = 87;
        /// CPU time in the kernel of all processes, counted independently of the process rows.
        PROCESSES_CPU_SYSTEM_US: Integer Delta Microseconds = 88;
        /// Read from disk by all processes whose disk use the agent may see.
        PROCESSES_DISK_READ_BYTES: Integer Delta Bytes = 89;
        /// Written to disk by all processes whose disk use the agent may see.
        PROCESSES_DISK_WRITE_BYTES: Integer Delta Bytes = 90;
        /// Resident memory of all processes; shared pages count once for each.
        PROCESSES_RSS_BYTES: Integer Gauge Bytes = 91;
        /// CPU time of the agent itself.
        AGENT_CPU_US: Integer Delta Microseconds = 92;
        /// Resident memory of the agent itself.
        AGENT_RSS_BYTES: Integer Gauge Bytes = 93;
        /// CPU time that the agent's previous snapshot took to read.
        AGENT_SNAPSHOT_US: Integer Gauge Microseconds = 94;
        /// Snapshots skipped because the one before took too long or the machine stood still.
        AGENT_LATE_TICKS: Integer Delta None = 95;
        /// Frames waiting for the server's acknowledgement.
        AGENT_QUEUED_FRAMES: Integer Gauge None = 96;
        /// Frames dropped because too many waited, too long, or what was read of the disk was damaged.
        AGENT_DROPPED_FRAMES: Integer Delta None = 97;
        /// Moving average of the share of memory in use: 0.3 of the value before and 0.7 of the current one; to six digits.
        MEMORY_USED_AVERAGE_RATIO: Float Gauge Ratio = 98;
        /// The hottest temperature sensor.
        TEMPERATURE_MAX_CELSIUS: Float Gauge Celsius = 99;
        /// Tracked network connections (netfilter).
        CONNTRACK_ENTRIES: Integer Gauge None = 100;
        /// Most network connections that can be tracked.
        CONNTRACK_MAX: Integer Gauge None = 101;
        /// 1 when the kernel's clock is disciplined by a time service (NTP, PTP), 0 when it is not.
        CLOCK_SYNCHRONIZED: Integer Gauge None = 102;
        /// Largest error of the clock that its time service reckons with.
        CLOCK_ERROR_MAX_US: Integer Gauge Microseconds = 103;
        /// Why the kernel is tainted, as bits of `/proc/sys/kernel/tainted`; 0 is untainted.
        KERNEL_TAINT: Integer Gauge None = 104;
        /// NFS calls made as a client.
        NFS_CLIENT_CALLS: Integer Delta None = 105;
        /// NFS calls made again as a client, because no answer came.
        NFS_CLIENT_RETRANSMITS: Integer Delta None = 106;
        /// NFS calls answered as a server.
        NFS_SERVER_CALLS: Integer Delta None = 107;
        /// Sessions of users logged in.
        USERS_LOGGED_IN: Integer Gauge None = 108;
        /// Received from the network by all processes, counted independently of the process rows.
        PROCESSES_NET_RX_BYTES: Integer Delta Bytes = 109;
        /// Sent to the network by all processes, counted independently of the process rows.
        PROCESSES_NET_TX_BYTES: Integer Delta Bytes = 110;
        /// Processes that ended; absent where ends are not told one by one.
        PROCESSES_ENDED: Integer Delta None = 111;
        /// Ends of processes, or of threads where they are heard of, that were too many at once to be told one by one.
        PROCESSES_ENDED_UNSEEN: Integer Delta None = 112;
        /// How far the clock that the agent goes by is ahead of the server's, negative when it is behind; measured and set by the server, of snapshots that arrive as they are taken.
        CLOCK_OFFSET_MS: Integer Gauge Milliseconds = 113;
        /// How long after it was taken the snapshot arrived; set by the server, of those that arrive late.
        ARRIVED_LATE_MS: Integer Gauge Milliseconds = 114;
        /// Bytes of frames that wait for the server's acknowledgement in the runtime directory or in memory.
        AGENT_QUEUED_BYTES: Integer Gauge Bytes = 115;
        /// Bytes of the agent's files of waiting frames on disk.
        AGENT_SPOOL_BYTES: Integer Gauge Bytes = 116;
    }
}

table! {
    /// One row per logical CPU and snapshot.
    cpu = 2, entity ["core"] {
        /// Number of the logical CPU, from 0.
        CORE: Integer Label None = 10;
        /// CPU time in user mode, guests not included.
        USER_US: Integer Delta Microseconds = 11;
        /// CPU time in user mode at low priority.
        NICE_US: Integer Delta Microseconds = 12;
        /// CPU time in the kernel.
        SYSTEM_US: Integer Delta Microseconds = 13;
        /// CPU time in hardware interrupts.
        IRQ_US: Integer Delta Microseconds = 14;
        /// CPU time in soft interrupts.
        SOFTIRQ_US: Integer Delta Microseconds = 15;
        /// CPU time that the hypervisor gave to others.
        STEAL_US: Integer Delta Microseconds = 16;
        /// Idle with disk requests outstanding.
        IOWAIT_US: Integer Delta Microseconds = 17;
        /// Idle.
        IDLE_US: Integer Delta Microseconds = 18;
        /// Running guests.
        GUEST_US: Integer Delta Microseconds = 19;
    }
}

table! {
    /// One row per block device (whole disks, partitions, device mapper, RAID) and snapshot.
    disk = 3, entity ["device"] {
        /// Name under /dev.
        DEVICE: Text Label None = 10;
        /// 1 for a whole disk, 0 for a partition or a device made of others.
        WHOLE: Integer Gauge None = 11;
        /// Read requests completed.
        READS: Integer Delta None = 12;
        /// Write requests completed.
        WRITES: Integer Delta None = 13;
        /// Bytes read.
        READ_BYTES: Integer Delta Bytes = 14;
        /// Bytes written.
        WRITE_BYTES: Integer Delta Bytes = 15;
        /// Read requests merged into others.
        READS_MERGED: Integer Delta None = 16;
        /// Write requests merged into others.
        WRITES_MERGED: Integer Delta None = 17;
        /// Time that read requests took, summed over requests.
        READ_US: Integer Delta Microseconds = 18;
        /// Time that write requests took, summed over requests.
        WRITE_US: Integer Delta Microseconds = 19;
        /// Time with at least one request outstanding.
        BUSY_US: Integer Delta Microseconds = 20;
        /// Outstanding requests times time; divided by the interval it is the mean queue depth.
        QUEUE_US: Integer Delta Microseconds = 21;
        /// Requests outstanding now.
        IN_FLIGHT: Integer Gauge None = 22;
        /// Discard (trim) requests completed.
        DISCARDS: Integer Delta None = 23;
        /// Flush requests completed.
        FLUSHES: Integer Delta None = 24;
    }
}

table! {
    /// One row per mounted file system that holds data.
    filesystem = 4, entity ["mount_point"] {
        /// Where it is mounted.
        MOUNT_POINT: Text Label None = 10;
        /// What is mounted: a device, or a server and path.
        DEVICE: Text Label None = 11;
        /// Kind of file system: `ext4`, `xfs`, …
        FS_TYPE: Text Label None = 12;
        /// Size.
        SIZE_BYTES: Integer Gauge Bytes = 13;
        /// Used.
        USED_BYTES: Integer Gauge Bytes = 14;
        /// What an ordinary user can still write.
        AVAILABLE_BYTES: Integer Gauge Bytes = 15;
        /// Inodes; absent where the file system has no fixed number.
        INODES: Integer Gauge None = 16;
        /// Inodes used.
        INODES_USED: Integer Gauge None = 17;
        /// 1 when mounted read-only.
        READ_ONLY: Integer Gauge None = 18;
    }
}

table! {
    /// One row per network interface and snapshot.
    interface = 5, entity ["interface"] {
        /// Name of the interface.
        INTERFACE: Text Label None = 10;
        /// Bytes received.
        RX_BYTES: Integer Delta Bytes = 11;
        /// Bytes sent.
        TX_BYTES: Integer Delta Bytes = 12;
        /// Packets received.
        RX_PACKETS: Integer Delta None = 13;
        /// Packets sent.
        TX_PACKETS: Integer Delta None = 14;
        /// Packets received damaged.
        RX_ERRORS: Integer Delta None = 15;
        /// Packets not sent because of an error.
        TX_ERRORS: Integer Delta None = 16;
        /// Received packets dropped.
        RX_DROPS: Integer Delta None = 17;
        /// Packets dropped before sending.
        TX_DROPS: Integer Delta None = 18;
        /// Speed the link negotiated; absent where the driver does not tell.
        SPEED_BITS_PER_SECOND: Integer Gauge BitsPerSecond = 19;
        /// 1 when the link is up.
        UP: Integer Gauge None = 20;
        /// 1 for a device with hardware behind it (or a virtual machine's), 0 for bridges, tunnels, loopback.
        PHYSICAL: Integer Gauge None = 21;
    }
}

table! {
    /// One row per process that did anything in the interval, each idle process at least once a minute, and
    /// one row `other` (pid 0) for all processes without a row of their own.
    process = 6, entity ["pid", "start_time"] {
        /// Process id; 0 in the `other` row.
        PID: Integer Label None = 10;
        /// When it started.
        START_TIME: Integer Label EpochMilliseconds = 11;
        /// Process id of its parent.
        PARENT_PID: Integer Label None = 12;
        /// The kernel's short name of it.
        NAME: Text Label None = 13;
        /// Its command line with secrets taken out; empty for kernel threads.
        COMMAND: Text Label None = 14;
        /// Its effective user id.
        USER_ID: Integer Label None = 15;
        /// Account name of that user.
        USER: Text Label None = 16;
        /// Its control group.
        CGROUP: Text Label None = 17;
        /// Its systemd unit.
        UNIT: Text Label None = 18;
        /// Its container id.
        CONTAINER: Text Label None = 19;
        /// State letter of the kernel: R running, S sleeping, D blocked, Z zombie, T stopped, I idle; X ended since the snapshot before.
        STATE: Text Gauge None = 20;
        /// Threads.
        THREADS: Integer Gauge None = 21;
        /// CPU time in user mode.
        CPU_USER_US: Integer Delta Microseconds = 22;
        /// CPU time in the kernel.
        CPU_SYSTEM_US: Integer Delta Microseconds = 23;
        /// Resident memory.
        RSS_BYTES: Integer Gauge Bytes = 24;
        /// Memory swapped out.
        SWAP_BYTES: Integer Gauge Bytes = 25;
        /// Read from disk.
        DISK_READ_BYTES: Integer Delta Bytes = 26;
        /// Written to disk.
        DISK_WRITE_BYTES: Integer Delta Bytes = 27;
        /// Page faults that waited for a disk.
        PAGE_FAULTS_MAJOR: Integer Delta None = 28;
        /// Open files; read where it is cheap (Linux 6.2 and later, same user or privileged).
        OPEN_FILES: Integer Gauge None = 29;
        /// Received from the network; absent where the kernel does not tell (see `network` in the host's facts).
        NET_RX_BYTES: Integer Delta Bytes = 30;
        /// Sent to the network; absent where the kernel does not tell (see `network` in the host's facts).
        NET_TX_BYTES: Integer Delta Bytes = 31;
        /// Processes this row stands for: 1, 0 for one that ended, or how many are in the `other` row.
        PROCESSES: Integer Gauge None = 32;
        /// Exit code of a process that ended by itself.
        EXIT_CODE: Integer Gauge None = 33;
        /// Signal that ended the process.
        EXIT_SIGNAL: Integer Gauge None = 34;
        /// How long a process that ended had lived.
        LIFETIME_US: Integer Gauge Microseconds = 35;
    }
}

table! {
    /// The network connections that carried most bytes in the interval, and those above a threshold (settings).
    connection = 7, entity ["protocol", "local_address", "local_port", "remote_address", "remote_port"] {
        /// `tcp` or `udp`.
        PROTOCOL: Text Label None = 10;
        /// Address of this side.
        LOCAL_ADDRESS: Text Label None = 11;
        /// Port of this side.
        LOCAL_PORT: Integer Label None = 12;
        /// Address of the other side.
        REMOTE_ADDRESS: Text Label None = 13;
        /// Port of the other side.
        REMOTE_PORT: Integer Label None = 14;
        /// Process id of the owner.
        PID: Integer Label None = 15;
        /// Name of the owner.
        NAME: Text Label None = 16;
        /// State of a TCP connection: `established`, `close-wait`, …
        STATE: Text Gauge None = 17;
        /// Bytes received.
        RX_BYTES: Integer Delta Bytes = 18;
        /// Bytes sent; of TCP those that the other side acknowledged.
        TX_BYTES: Integer Delta Bytes = 19;
        /// TCP segments sent again.
        RETRANSMITS: Integer Delta None = 20;
        /// Smoothed round-trip time of a TCP connection.
        RTT_US: Integer Gauge Microseconds = 21;
    }
}

table! {
    /// Listening sockets with their owners: all of them when the agent starts and once an hour, one when it
    /// appears or goes.
    listener = 8, entity ["protocol", "address", "port"] {
        /// `tcp` or `udp`.
        PROTOCOL: Text Label None = 10;
        /// Address it listens on; `0.0.0.0` and `::` are all.
        ADDRESS: Text Label None = 11;
        /// Port it listens on.
        PORT: Integer Label None = 12;
        /// Process id of the owner.
        PID: Integer Label None = 13;
        /// Name of the owner.
        NAME: Text Label None = 14;
        /// 1 while it listens, 0 when it has gone.
        OPEN: Integer Gauge None = 15;
    }
}

table! {
    /// One row per systemd unit and container that did anything in the interval, each idle one at least once a
    /// minute. What its processes used, theirs that ended included.
    cgroup = 9, entity ["cgroup"] {
        /// Path of the control group.
        CGROUP: Text Label None = 10;
        /// Its systemd unit.
        UNIT: Text Label None = 11;
        /// Its container id.
        CONTAINER: Text Label None = 12;
        /// CPU time in user mode.
        CPU_USER_US: Integer Delta Microseconds = 13;
        /// CPU time in the kernel.
        CPU_SYSTEM_US: Integer Delta Microseconds = 14;
        /// Time in which it was kept from running by its limit.
        CPU_THROTTLED_US: Integer Delta Microseconds = 15;
        /// CPUs it may use at most; absent without a limit.
        CPU_LIMIT_CORES: Float Gauge None = 16;
        /// Memory in use, page cache included.
        MEMORY_BYTES: Integer Gauge Bytes = 17;
        /// Most memory it may use; absent without a limit.
        MEMORY_LIMIT_BYTES: Integer Gauge Bytes = 18;
        /// Anonymous memory in use.
        MEMORY_ANONYMOUS_BYTES: Integer Gauge Bytes = 19;
        /// Memory swapped out.
        SWAP_BYTES: Integer Gauge Bytes = 20;
        /// Processes the kernel killed in it for want of memory.
        OOM_KILLS: Integer Delta None = 21;
        /// Threads and processes in it.
        TASKS: Integer Gauge None = 22;
        /// Most threads and processes it may have; absent without a limit.
        TASKS_LIMIT: Integer Gauge None = 23;
        /// Read from disk.
        DISK_READ_BYTES: Integer Delta Bytes = 24;
        /// Written to disk.
        DISK_WRITE_BYTES: Integer Delta Bytes = 25;
        /// Time in which at least one of its tasks waited for a CPU.
        CPU_PRESSURE_SOME_US: Integer Delta Microseconds = 26;
        /// Time in which at least one of its tasks waited for memory.
        MEMORY_PRESSURE_SOME_US: Integer Delta Microseconds = 27;
        /// Time in which every one of its tasks waited for memory.
        MEMORY_PRESSURE_FULL_US: Integer Delta Microseconds = 28;
        /// Time in which at least one of its tasks waited for a disk.
        IO_PRESSURE_SOME_US: Integer Delta Microseconds = 29;
        /// Time in which every one of its tasks waited for a disk.
        IO_PRESSURE_FULL_US: Integer Delta Microseconds = 30;
    }
}

table! {
    /// One row per temperature sensor and fan, every minute and when its level changes.
    sensor = 10, entity ["sensor"] {
        /// Chip and label, or zone and type: `coretemp/Core 0`, `thermal_zone0/cpu-thermal`.
        SENSOR: Text Label None = 10;
        /// `temperature` or `fan`.
        KIND: Text Label None = 11;
        /// Temperature.
        TEMPERATURE_CELSIUS: Float Gauge Celsius = 12;
        /// Revolutions per minute of a fan.
        FAN_RPM: Integer Gauge None = 13;
        /// `normal`, `note` or `warning` (settings: from 50 and 70 degrees).
        LEVEL: Text Gauge None = 14;
    }
}

table! {
    /// One row per node of a machine with non-uniform memory, every minute.
    numa = 11, entity ["node"] {
        /// Number of the node.
        NODE: Integer Label None = 10;
        /// Its memory.
        MEMORY_TOTAL_BYTES: Integer Gauge Bytes = 11;
        /// Its memory that nothing uses.
        MEMORY_FREE_BYTES: Integer Gauge Bytes = 12;
        /// Pages allocated where they were wanted.
        HITS: Integer Delta None = 13;
        /// Pages that were wanted on another node and allocated here.
        MISSES: Integer Delta None = 14;
        /// Pages that were wanted here and allocated on another node.
        FOREIGN: Integer Delta None = 15;
        /// Huge pages set aside on it.
        HUGE_PAGES_TOTAL: Integer Gauge None = 16;
        /// Its huge pages that nothing uses.
        HUGE_PAGES_FREE: Integer Gauge None = 17;
    }
}

table! {
    /// One row per software RAID array, every minute and when its state changes.
    raid = 12, entity ["array"] {
        /// Name of the array: `md0`.
        ARRAY: Text Label None = 10;
        /// `raid1`, `raid5`, …
        LEVEL: Text Label None = 11;
        /// `active`, `inactive`, `read-only`.
        STATE: Text Gauge None = 12;
        /// Disks it is made of.
        DISKS: Integer Gauge None = 13;
        /// Disks that work.
        DISKS_ACTIVE: Integer Gauge None = 14;
        /// Disks that failed.
        DISKS_FAILED: Integer Gauge None = 15;
        /// What is done to it now: `resync`, `recovery`, `check`; absent when nothing.
        ACTION: Text Gauge None = 16;
        /// How much of that is done.
        ACTION_DONE_RATIO: Float Gauge Ratio = 17;
    }
}

table! {
    /// One row per GPU and snapshot, where the driver's library tells.
    gpu = 13, entity ["gpu"] {
        /// Number of the device.
        GPU: Integer Label None = 10;
        /// What it is.
        MODEL: Text Label None = 11;
        /// Share of the time in which it computed.
        USED_RATIO: Float Gauge Ratio = 12;
        /// Its memory.
        MEMORY_TOTAL_BYTES: Integer Gauge Bytes = 13;
        /// Its memory in use.
        MEMORY_USED_BYTES: Integer Gauge Bytes = 14;
        /// Temperature.
        TEMPERATURE_CELSIUS: Float Gauge Celsius = 15;
        /// Power it takes.
        POWER_WATTS: Float Gauge None = 16;
    }
}

table! {
    /// Something that happened on the host: logins, kernel messages, changes.
    event = 14, entity ["kind"] {
        /// `login`, `logout`, `oom_kill`, `hung_task`, `agent`, …
        KIND: Text Label None = 10;
        /// Whom or what it is about: an account, a process, a device.
        SUBJECT: Text Label None = 11;
        /// What happened, for people.
        TEXT: Text Label None = 12;
        /// When it happened, as far as is known; else the time of the snapshot.
        HAPPENED: Integer Label EpochMilliseconds = 13;
        /// Process id it is about.
        PID: Integer Label None = 14;
        /// Account it is about.
        USER: Text Label None = 15;
        /// Where a user came from.
        ADDRESS: Text Label None = 16;
        /// Terminal of a user.
        TERMINAL: Text Label None = 17;
    }
}

table! {
    /// One row per run of a script collector.
    script = 15, entity ["script"] {
        /// Name of the script in the agent's settings.
        SCRIPT: Text Label None = 10;
        /// `ok`, `warning`, `critical`, `unknown`, `failed`, `timeout`, or `not-started`.
        STATE: Text Gauge None = 11;
        /// Its exit code.
        EXIT_CODE: Integer Gauge None = 12;
        /// How long it ran.
        DURATION_US: Integer Gauge Microseconds = 13;
        /// Bytes it printed.
        OUTPUT_BYTES: Integer Gauge Bytes = 14;
        /// Its first line, or what went wrong.
        TEXT: Text Gauge None = 15;
        /// Readings taken from its output.
        READINGS: Integer Gauge None = 16;
    }
}

table! {
    /// Readings of script collectors and text files.
    metric = 16, entity ["name", "labels", "source"] {
        /// Name of the reading.
        NAME: Text Label None = 10;
        /// Its labels as `key="value"` with commas between, sorted by key; empty when there are none.
        LABELS: Text Label None = 11;
        /// Its value.
        VALUE: Float Gauge None = 12;
        /// Which script or text file it comes from.
        SOURCE: Text Label None = 13;
        /// Unit as the source tells it, if it does.
        UNIT: Text Label None = 14;
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn ids_and_names_are_unique_and_reserved_ids_are_free() {
        let ids: BTreeSet<_> = ALL.iter().map(|table| table.id).collect();
        assert_eq!(ids.len(), ALL.len());
        for table in ALL {
            let ids: BTreeSet<_> = table.columns.iter().map(|column| column.id).collect();
            let names: BTreeSet<_> = table.columns.iter().map(|column| column.name).collect();
            assert_eq!(
                (ids.len(), names.len()),
                (table.columns.len(), table.columns.len()),
                "{}",
                table.name
            );
            assert!(ids.iter().all(|id| *id >= 10), "{}: ids below 10 are common to all tables", table.name);
            for entity in table.entity {
                assert!(table.position(entity).is_some(), "{}: entity column {entity}", table.name);
            }
        }
    }

    #[test]
    fn a_column_constant_points_at_its_column() {
        let column = &host::TABLE.columns[usize::from(host::MEMORY_AVAILABLE_BYTES.0)];
        assert_eq!((column.name, column.id), ("memory_available_bytes", 33));
    }
}
