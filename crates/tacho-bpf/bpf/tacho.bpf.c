/* Tells of every process: a pass over all tasks, bytes on the network, and processes that end.
 *
 * Each program is useful without the others, and is loaded by itself: a kernel that has no use for one refuses
 * that one only. None of them changes anything, and none waits. */
#include "records.h"
#include "sockets.h"

char LICENSE[] SEC("license") = "GPL";

enum { SIGNAL_GROUP_EXIT = 0x4 };
enum { AF_INET = 2, AF_INET6 = 10 };
enum { MSG_PEEK = 0x2, MSG_ERRQUEUE = 0x2000 };
enum { FILE_PAGES = 0, ANONYMOUS_PAGES = 1, SHARED_PAGES = 3 };

enum { RING_BYTES = 1 << 20 };

struct {
    MAP_UINT(type, MAP_RINGBUF);
    MAP_UINT(max_entries, RING_BYTES);
} exits SEC(".maps");

/* Ends that found no room in the ring. */
struct {
    MAP_UINT(type, MAP_ARRAY);
    MAP_UINT(max_entries, 1);
    MAP_TYPE(key, u32);
    MAP_TYPE(value, u64);
} lost_exits SEC(".maps");

struct {
    MAP_UINT(type, MAP_ARRAY);
    MAP_UINT(max_entries, PLACES);
    MAP_TYPE(key, u32);
    MAP_TYPE(value, struct told);
} told_last SEC(".maps");

struct {
    MAP_UINT(type, MAP_ARRAY);
    MAP_UINT(max_entries, 1);
    MAP_TYPE(key, u32);
    MAP_TYPE(value, struct asked);
} asked_for SEC(".maps");

INLINE u32 state_of(struct task_struct *task)
{
    struct task_struct___long_state *before_5_14 = (void *)task;
    u32 state = FIELD_THERE(task->__state) ? task->__state : (u32)before_5_14->state;
    return state | (u32)task->exit_state;
}

INLINE u64 at_least_zero(s64 pages)
{
    return pages > 0 ? (u64)pages : 0;
}

INLINE u64 resident_pages(struct mm_struct *mm)
{
    if (!mm)
        return 0;
    if (__builtin_preserve_type_info(*(struct mm_rss_stat *)0, TYPE_EXISTS)) {
        struct mm_struct___one_counter *before_6_2 = (void *)mm;
        return at_least_zero(before_6_2->rss_stat.count[FILE_PAGES].counter) +
               at_least_zero(before_6_2->rss_stat.count[ANONYMOUS_PAGES].counter) +
               at_least_zero(before_6_2->rss_stat.count[SHARED_PAGES].counter);
    }
    return at_least_zero(mm->rss_stat[FILE_PAGES].count) + at_least_zero(mm->rss_stat[ANONYMOUS_PAGES].count) +
           at_least_zero(mm->rss_stat[SHARED_PAGES].count);
}

/* The name in two plain loads: they are allowed where a kernel in lockdown forbids helpers that read memory. */
INLINE void read_comm(struct task_struct *task, char *to)
{
    ((u64 *)to)[0] = *(u64 *)&task->comm[0];
    ((u64 *)to)[1] = *(u64 *)&task->comm[8];
}

INLINE void read_counters(struct task_struct *task, struct counters *to)
{
    to->runtime_ns = task->se.sum_exec_runtime;
    to->user_ns = task->utime;
    to->system_ns = task->stime;
    to->minor_faults = task->min_flt;
    to->major_faults = task->maj_flt;
    to->read_bytes = task->ioac.read_bytes;
    to->write_bytes = task->ioac.write_bytes;
}

INLINE void tell_thread(struct seq_file *seq, struct task_struct *task)
{
    struct thread_record record = {};

    record.tgid = task->tgid;
    record.pid = task->pid;
    record.flags = task->flags;
    read_counters(task, &record.counters);
    seq_write(seq, &record, sizeof(record));
}

/* No pid takes more than 22 bits, and no state more than 20. */
INLINE u64 who_is(struct task_struct *task)
{
    return (u64)task->pid << 42 | (u64)task->real_parent->tgid << 20 | state_of(task);
}

/* The process has a single thread, which sleeps, and slept all the time since it was told. */
INLINE int has_rested(struct task_struct *task, struct told *told)
{
    return told->start_boot_ns == task->start_boottime && told->switches == task->nvcsw + task->nivcsw &&
           told->cgroups == task->cgroups && told->who == who_is(task) && state_of(task) != 0;
}

INLINE int is_asked_for(u32 place)
{
    u32 first = 0, word = place / 64;
    struct asked *asked = map_lookup_elem(&asked_for, &first);

    FORGET(word);
    return asked && asked->places[word % (PLACES / 64)] & 1ull << place % 64;
}

/* Before anything else of the process is read: what it does meanwhile is then seen the next time. */
INLINE void note_told(struct task_struct *task, struct told *told)
{
    told->start_boot_ns = task->start_boottime;
    told->switches = task->nvcsw + task->nivcsw;
    told->cgroups = task->cgroups;
    /* Of several threads each may have run. One that has not run has not made another. */
    told->who = task->signal->nr_threads == 1 ? who_is(task) : 0;
}

INLINE int tells_that_it_rests(struct seq_file *seq, struct task_struct *task)
{
    u32 place = (u32)task->pid % PLACES, record;
    struct told *told = map_lookup_elem(&told_last, &place);

    if (!told)
        return 0;
    if (!has_rested(task, told) || is_asked_for(place)) {
        note_told(task, told);
        return 0;
    }
    record = (u32)task->pid | RESTS;
    seq_write(seq, &record, sizeof(record));
    return 1;
}

INLINE void tell_process(struct seq_file *seq, struct task_struct *task)
{
    struct process_record record = {};
    struct signal_struct *signal = task->signal;
    struct mm_struct *mm = task->mm;
    struct kept *kept = task_storage_get(&kept_of_process, task, 0, 0);

    record.tgid = task->tgid;
    record.pid = task->pid;
    record.flags = task->flags;
    record.state = state_of(task);
    read_counters(task, &record.counters);
    record.counters.runtime_ns += signal->sum_sched_runtime;
    record.counters.user_ns += signal->utime;
    record.counters.system_ns += signal->stime;
    record.counters.minor_faults += signal->min_flt;
    record.counters.major_faults += signal->maj_flt;
    if (kept)
        record.kept = *kept;
    record.inherited_read_bytes = signal->ioac.read_bytes;
    record.inherited_write_bytes = signal->ioac.write_bytes;
    record.children_user_ns = signal->cutime;
    record.children_system_ns = signal->cstime;
    record.start_boot_ns = task->start_boottime;
    record.cgroup_id = task->cgroups->dfl_cgrp->kn->id;
    if (mm)
        record.exec_mark = mm->start_stack;
    record.resident_pages = resident_pages(mm);
    record.parent = task->real_parent->tgid;
    record.user_id = task->cred->euid.val;
    record.threads = signal->nr_threads;
    read_comm(task, record.comm);
    seq_write(seq, &record, sizeof(record));
}

SEC("iter/task")
int tasks(struct bpf_iter__task *context)
{
    struct seq_file *seq = context->meta->seq;
    struct task_struct *task = context->task;

    if (!task)
        return 0;
    if (task->pid != task->tgid)
        tell_thread(seq, task);
    else if (!tells_that_it_rests(seq, task))
        tell_process(seq, task);
    return 0;
}

INLINE int is_of_network(struct sock *socket)
{
    u16 family = socket->__sk_common.skc_family;

    return family == AF_INET || family == AF_INET6;
}

/* Who has which sockets open. Processes come by pid, each with the threads whose files are their own. */
SEC("iter/task_file")
int socket_holders(struct bpf_iter__task_file *context)
{
    struct task_struct *task = context->task;
    struct file *file = context->file;
    struct holder_record record = {};
    struct socket *socket;
    struct sock *sock;

    if (!task || !file)
        return 0;
    socket = sock_from_file(file);
    sock = socket ? socket->sk : 0;
    if (sock && is_of_network(sock)) {
        record.inode = file->f_inode->i_ino;
        record.tgid = task->tgid;
    } else if (context->meta->seq_num % FILES_PER_SIGN) {
        return 0;
    }
    seq_write(context->meta->seq, &record, sizeof(record));
    return 0;
}

/* What is kept for the process of the task that runs, if its socket is one of the network. */
INLINE struct kept *kept_for_socket(struct sock *socket)
{
    if (!is_of_network(socket))
        return 0;
    return task_storage_get(&kept_of_process, get_current_task_btf()->group_leader, 0, STORAGE_GET_CREATE);
}

SEC("tp_btf/sock_send_length")
int bytes_sent(u64 *context)
{
    s32 bytes = CONTEXT_ARGUMENT(context, 1, s32);
    struct kept *kept;

    if (bytes <= 0)
        return 0;
    kept = kept_for_socket(CONTEXT_ARGUMENT(context, 0, struct sock *));
    if (kept)
        __sync_fetch_and_add(&kept->sent_bytes, (u64)bytes);
    return 0;
}

SEC("tp_btf/sock_recv_length")
int bytes_received(u64 *context)
{
    s32 bytes = CONTEXT_ARGUMENT(context, 1, s32);
    s32 flags = CONTEXT_ARGUMENT(context, 2, s32);
    struct kept *kept;

    /* Bytes that are only looked at come again, and the error queue gives back what was sent. */
    if (bytes <= 0 || flags & (MSG_PEEK | MSG_ERRQUEUE))
        return 0;
    kept = kept_for_socket(CONTEXT_ARGUMENT(context, 0, struct sock *));
    if (kept)
        __sync_fetch_and_add(&kept->received_bytes, (u64)bytes);
    return 0;
}

INLINE void read_command(struct mm_struct *mm, struct exit_record *record)
{
    u64 start, bytes;

    if (!mm)
        return;
    start = mm->arg_start;
    bytes = mm->arg_end - start;
    if (bytes > COMMAND_BYTES)
        bytes = COMMAND_BYTES;
    if (probe_read_user(record->command, (u32)bytes, (void *)start) == 0)
        record->command_bytes = (u32)bytes;
}

/* As the parent that waits is told. */
INLINE u32 exit_code_of(struct task_struct *leader, struct signal_struct *signal)
{
    return signal->flags & SIGNAL_GROUP_EXIT ? signal->group_exit_code : leader->exit_code;
}

INLINE void count_lost(void)
{
    u32 first = 0;
    u64 *lost = map_lookup_elem(&lost_exits, &first);

    if (lost)
        __sync_fetch_and_add(lost, 1);
}

/* Times are without what the last thread used since the newest tick, and what its end takes. */
INLINE void tell_end(struct task_struct *task, struct task_struct *leader, struct kept *kept)
{
    struct signal_struct *signal = task->signal;
    struct exit_record *record = ringbuf_reserve(&exits, sizeof(*record), 0);

    if (!record) {
        count_lost();
        return;
    }
    __builtin_memset(record, 0, sizeof(*record));
    record->tgid = task->tgid;
    record->parent = leader->real_parent->tgid;
    record->start_boot_ns = leader->start_boottime;
    record->ended_boot_ns = ktime_get_boot_ns();
    record->runtime_ns = signal->sum_sched_runtime + task->se.sum_exec_runtime;
    record->user_ns = signal->utime + task->utime;
    record->system_ns = signal->stime + task->stime;
    record->major_faults = signal->maj_flt + task->maj_flt;
    if (kept)
        record->kept = *kept;
    record->cgroup_id = task->cgroups->dfl_cgrp->kn->id;
    /* The first thread's memory is gone if it ended before. */
    record->resident_pages = resident_pages(task->mm);
    record->user_id = task->cred->euid.val;
    record->exit_code = exit_code_of(leader, signal);
    record->flags = task->flags;
    read_comm(leader, record->comm);
    read_command(task->mm, record);
    ringbuf_submit(record, RINGBUF_NO_WAKEUP);
}

/* Comes for every thread. Two that end at the same moment may both find that nobody is left: then the process
 * is told twice, and who reads the ring takes what is more. */
SEC("tp_btf/sched_process_exit")
int thread_ends(u64 *context)
{
    struct task_struct *task = CONTEXT_ARGUMENT(context, 0, struct task_struct *);
    struct task_struct *leader = task->group_leader;
    struct kept *kept = task_storage_get(&kept_of_process, leader, 0, STORAGE_GET_CREATE);

    /* Of two threads that end at once and both make it, one is refused, and finds it when it asks again. */
    if (!kept)
        kept = task_storage_get(&kept_of_process, leader, 0, STORAGE_GET_CREATE);
    if (kept) {
        __sync_fetch_and_add(&kept->read_bytes, task->ioac.read_bytes);
        __sync_fetch_and_add(&kept->write_bytes, task->ioac.write_bytes);
    }
    if (task->signal->live.counter == 0)
        tell_end(task, leader, kept);
    return 0;
}

/* Comes some milliseconds after a process was waited for, and seldom not at all. Only now all of its time is
 * counted, with what it took to tear its memory down. */
SEC("tp_btf/sched_process_free")
int process_is_freed(u64 *context)
{
    struct task_struct *task = CONTEXT_ARGUMENT(context, 0, struct task_struct *);
    struct signal_struct *signal = task->signal;
    struct total_record *record;
    struct kept *kept;

    if (task->pid != task->tgid)
        return 0;
    kept = task_storage_get(&kept_of_process, task, 0, 0);
    take_in_closed(task->tgid, kept);
    forget_closed(task->tgid);
    record = ringbuf_reserve(&exits, sizeof(*record), 0);
    if (!record)
        return 0;
    record->tgid = task->tgid;
    record->unused = 0;
    record->start_boot_ns = task->start_boottime;
    record->runtime_ns = signal->sum_sched_runtime;
    record->user_ns = signal->utime;
    record->system_ns = signal->stime;
    record->major_faults = signal->maj_flt;
    record->sent_bytes = kept ? kept->sent_bytes : 0;
    record->received_bytes = kept ? kept->received_bytes : 0;
    ringbuf_submit(record, RINGBUF_NO_WAKEUP);
    return 0;
}
