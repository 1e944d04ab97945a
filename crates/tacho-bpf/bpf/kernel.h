/* What this program uses of the kernel: fields by name, with offsets that the loader fills in from the running
 * kernel's own description (CO-RE), and helpers by number. Written by hand, so that no kernel's headers are
 * needed to build it. A name after three underscores is a variant of a type from other kernel versions. */
#pragma once

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef int s32;
typedef unsigned long long u64;
typedef long long s64;

#define SEC(name) __attribute__((section(name), used))
#define INLINE static inline __attribute__((always_inline))
#define CONTEXT_ARGUMENT(context, position, type) ((type)(context)[position])

/* What the compiler knows of a value and the kernel does not it must not build on. */
#define FORGET(value) __asm__ volatile("" : "+r"(value))

/* Declarations of maps: the loader reads them from the object's type information. */
#define MAP_UINT(name, value) int(*name)[value]
#define MAP_TYPE(name, value) typeof(value) *name

enum { MAP_HASH = 1, MAP_ARRAY = 2, MAP_SK_STORAGE = 24, MAP_RINGBUF = 27, MAP_TASK_STORAGE = 29 };
enum { MAP_NO_PREALLOC = 1 };
enum { STORAGE_GET_CREATE = 1 };
enum { UPDATE_NO_EXIST = 1 };
enum { RINGBUF_NO_WAKEUP = 1 };

/* Questions to the running kernel's types. */
enum { FIELD_EXISTS = 2, TYPE_EXISTS = 0 };
#define FIELD_THERE(field) __builtin_preserve_field_info(field, FIELD_EXISTS)

/* A packet, and its socket, as programs of control groups are given them: a promise of the kernel, the same
 * everywhere. */
struct bpf_sock;

struct __sk_buff {
    u32 len;
    u32 unused[41];
    struct bpf_sock *sk;
};

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

typedef struct {
    u32 val;
} kuid_t;

struct cred {
    kuid_t euid;
};

typedef struct {
    s32 counter;
} atomic_t;

typedef struct {
    s64 counter;
} atomic_long_t;

struct percpu_counter {
    s64 count;
};

struct task_io_accounting {
    u64 read_bytes;
    u64 write_bytes;
};

struct sched_entity {
    u64 sum_exec_runtime;
};

struct kernfs_node {
    u64 id;
};

struct cgroup {
    struct kernfs_node *kn;
};

struct css_set {
    struct cgroup *dfl_cgrp;
};

struct mm_struct {
    struct percpu_counter rss_stat[4];
    unsigned long start_stack;
    unsigned long arg_start;
    unsigned long arg_end;
};

/* Before Linux 6.2. */
struct mm_rss_stat {
    atomic_long_t count[4];
};

struct mm_struct___one_counter {
    struct mm_rss_stat rss_stat;
};

struct signal_struct {
    atomic_t live;
    s32 nr_threads;
    s32 group_exit_code;
    u32 flags;
    u64 utime;
    u64 stime;
    u64 cutime;
    u64 cstime;
    unsigned long maj_flt;
    unsigned long min_flt;
    u64 sum_sched_runtime;
    struct task_io_accounting ioac;
};

struct task_struct {
    u32 __state;
    u32 flags;
    s32 exit_state;
    s32 exit_code;
    s32 pid;
    s32 tgid;
    struct sched_entity se;
    struct mm_struct *mm;
    struct task_struct *real_parent;
    struct task_struct *group_leader;
    u64 utime;
    u64 stime;
    unsigned long nvcsw;
    unsigned long nivcsw;
    u64 start_boottime;
    unsigned long min_flt;
    unsigned long maj_flt;
    const struct cred *cred;
    char comm[16];
    struct signal_struct *signal;
    struct task_io_accounting ioac;
    struct css_set *cgroups;
};

/* Before Linux 5.14. */
struct task_struct___long_state {
    long state;
};

struct sock_common {
    u16 skc_family;
};

struct sock {
    struct sock_common __sk_common;
};

struct socket {
    struct sock *sk;
};

struct inode {
    unsigned long i_ino;
};

struct file {
    struct inode *f_inode;
};

struct seq_file;

struct bpf_iter_meta {
    struct seq_file *seq;
    u64 session_id;
    u64 seq_num;
};

struct bpf_iter__task {
    struct bpf_iter_meta *meta;
    struct task_struct *task;
};

struct bpf_iter__task_file {
    struct bpf_iter_meta *meta;
    struct task_struct *task;
    u32 fd;
    struct file *file;
};

#pragma clang attribute pop

static void *(*const map_lookup_elem)(void *map, const void *key) = (void *)1;
static long (*const map_update_elem)(void *map, const void *key, const void *value, u64 flags) = (void *)2;
static long (*const map_delete_elem)(void *map, const void *key) = (void *)3;
static u64 (*const get_current_pid_tgid)(void) = (void *)14;
static long (*const skb_load_bytes)(const void *packet, u32 offset, void *to, u32 size) = (void *)26;
static struct bpf_sock *(*const sk_fullsock)(struct bpf_sock *socket) = (void *)95;
static void *(*const sk_storage_get)(void *map, void *socket, void *value, u64 flags) = (void *)107;
static long (*const probe_read_user)(void *to, u32 size, const void *from) = (void *)112;
static u64 (*const ktime_get_boot_ns)(void) = (void *)125;
static long (*const seq_write)(struct seq_file *seq, const void *data, u32 size) = (void *)127;
static void *(*const ringbuf_reserve)(void *ring, u64 size, u64 flags) = (void *)131;
static void (*const ringbuf_submit)(void *data, u64 flags) = (void *)132;
static void *(*const task_storage_get)(void *map, struct task_struct *task, void *value, u64 flags) = (void *)156;
static struct task_struct *(*const get_current_task_btf)(void) = (void *)158;
static struct socket *(*const sock_from_file)(struct file *file) = (void *)162;
