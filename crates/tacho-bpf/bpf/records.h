/* What is told of processes: the layout that src/records.rs reads. All numbers in the machine's byte order. */
#pragma once

#include "kernel.h"

/* Counters of one thread; in those of a process's first thread are those of its ended threads. */
struct counters {
    u64 runtime_ns;
    u64 user_ns;
    u64 system_ns;
    u64 minor_faults;
    u64 major_faults;
    /* Of the thread alone. */
    u64 read_bytes;
    u64 write_bytes;
};

/* One per thread but the first of its process. */
struct thread_record {
    u32 tgid;
    u32 pid;
    u32 flags;
    u32 unused;
    struct counters counters;
};

/* What is kept for each process from when the programs were loaded. */
struct kept {
    u64 sent_bytes;
    u64 received_bytes;
    /* Of threads that ended. */
    u64 read_bytes;
    u64 write_bytes;
};

/* One per process, of its first thread. */
struct process_record {
    u32 tgid;
    u32 pid;
    u32 flags;
    u32 state;
    struct counters counters;
    struct kept kept;
    /* Of ended threads and of children that were waited for, since the process's start. */
    u64 inherited_read_bytes;
    u64 inherited_write_bytes;
    /* CPU time of children that were waited for. */
    u64 children_user_ns;
    u64 children_system_ns;
    u64 start_boot_ns;
    u64 cgroup_id;
    u64 exec_mark;
    u64 resident_pages;
    u32 parent;
    u32 user_id;
    u32 threads;
    u32 unused;
    char comm[16];
};

/* One per process that is as it was told last, in place of its record: this bit and its pid. */
enum { RESTS = 1u << 31 };

/* Processes by pid, so many apart have the same place. What finds its place taken is told in full. */
enum { PLACES = 1 << 14 };

/* The process that has a place as it was told last, as far as it takes to know whether it is another by now. One that
 * has not been on a CPU since has changed nothing itself. */
struct told {
    u64 start_boot_ns;
    u64 switches;
    struct css_set *cgroups;
    /* Its pid, its parent's, and its state. 0 for one that may have changed in any case. */
    u64 who;
};

/* A bit for each place whose process is to be told in full. */
struct asked {
    u64 places[PLACES / 64];
};

enum { COMMAND_BYTES = 128 };

/* One per process that ended. */
struct exit_record {
    u32 tgid;
    u32 parent;
    u64 start_boot_ns;
    u64 ended_boot_ns;
    u64 runtime_ns;
    u64 user_ns;
    u64 system_ns;
    u64 major_faults;
    struct kept kept;
    u64 cgroup_id;
    u64 resident_pages;
    u32 user_id;
    u32 exit_code;
    u32 flags;
    u32 command_bytes;
    char comm[16];
    char command[COMMAND_BYTES];
};

/* One per open file that is a socket of the network, and one without a socket now and then among other files: who reads
 * is to notice how many have been gone through. */
struct holder_record {
    u64 inode;
    u32 tgid;
    u32 unused;
};

enum { FILES_PER_SIGN = 16 };

/* The last word on a process that ended. */
struct total_record {
    u32 tgid;
    u32 unused;
    u64 start_boot_ns;
    u64 runtime_ns;
    u64 user_ns;
    u64 system_ns;
    u64 major_faults;
    /* Sockets that it still had at its end are closed by it: what those carried last is in here. */
    u64 sent_bytes;
    u64 received_bytes;
};
