/* Bytes on the network of each process on kernels that do not tell when a process sends and receives: payload of
 * the packets of each socket, of TCP without what comes again, charged to the process that holds the socket, or
 * that closed it.
 *
 * Packets have no process: those that come in are taken where the CPU happens to be. So bytes are kept with their
 * socket. A pass over all open files charges them to the first process that has the socket, which is the one
 * with the lowest pid. What a socket carried after the newest pass is charged to the process that closes it, in
 * `closed_by_process`, as is what the kernel goes on to send for it; those programs can not reach what is kept for
 * a process, so a pass over all tasks takes it from there. */
#pragma once

#include "records.h"

enum { PROTOCOL_TCP = 6, PROTOCOL_UDP = 17, OPTIONS_6 = 0 };
enum { HEAD_BYTES = 20, HEAD_BYTES_6 = 40, HEAD_BYTES_UDP = 8, HEAD_BYTES_TCP = 14 };
enum { TCP_SYN = 0x2 };

/* Two packets of one direction of a connection are no further apart: more than any usual window. */
enum { MAX_APART = 1 << 27 };

/* Processes that closed a socket, and live. What the sockets of any others carried last is not counted. */
enum { MAX_CLOSERS = 4096 };

struct carried {
    u64 sent_bytes;
    u64 received_bytes;
    /* Of these, so many were charged to a process. */
    u64 charged_sent_bytes;
    u64 charged_received_bytes;
};

/* One direction of a TCP connection: the number of the byte that comes next. */
struct stream {
    u32 next;
    u32 is_begun;
};

struct socket_kept {
    struct carried carried;
    struct stream sent;
    struct stream received;
    /* The newest pass that saw it. */
    u64 pass;
    /* The process that it was charged to then, and the one that made the pass. */
    u32 holder;
    u32 reader;
    /* Not 0 once it is closed. */
    u32 closer;
    u32 unused;
};

struct {
    MAP_UINT(type, MAP_TASK_STORAGE);
    MAP_UINT(map_flags, MAP_NO_PREALLOC);
    MAP_TYPE(key, s32);
    MAP_TYPE(value, struct kept);
} kept_of_process SEC(".maps");

struct {
    MAP_UINT(type, MAP_SK_STORAGE);
    MAP_UINT(map_flags, MAP_NO_PREALLOC);
    MAP_TYPE(key, s32);
    MAP_TYPE(value, struct socket_kept);
} kept_of_socket SEC(".maps");

struct {
    MAP_UINT(type, MAP_HASH);
    MAP_UINT(map_flags, MAP_NO_PREALLOC);
    MAP_UINT(max_entries, MAX_CLOSERS);
    MAP_TYPE(key, u32);
    MAP_TYPE(value, struct carried);
} closed_by_process SEC(".maps");

INLINE void charge(struct carried *carried, struct kept *kept)
{
    u64 sent_bytes = carried->sent_bytes, received_bytes = carried->received_bytes;

    __sync_fetch_and_add(&kept->sent_bytes, sent_bytes - carried->charged_sent_bytes);
    __sync_fetch_and_add(&kept->received_bytes, received_bytes - carried->charged_received_bytes);
    carried->charged_sent_bytes = sent_bytes;
    carried->charged_received_bytes = received_bytes;
}

/* What sockets carried that the process closed. */
INLINE void take_in_closed(u32 process, struct kept *kept)
{
    struct carried *carried = kept ? map_lookup_elem(&closed_by_process, &process) : 0;

    if (carried)
        charge(carried, kept);
}

INLINE void forget_closed(u32 process)
{
    map_delete_elem(&closed_by_process, &process);
}

/* What a process sends or receives of a packet, without the headers of IP, TCP and UDP. */
struct payload {
    u32 bytes;
    u32 is_tcp;
    /* Of TCP: the number of the first byte. */
    u32 first;
};

/* A packet as the kernel has it here may be larger than those on the wire. */
INLINE struct payload payload_of(struct __sk_buff *packet)
{
    struct payload payload = {};
    u8 head[HEAD_BYTES], options[2], tcp[HEAD_BYTES_TCP], protocol;
    u32 headers;

    if (skb_load_bytes(packet, 0, head, sizeof(head)))
        return payload;
    if (head[0] >> 4 == 6) {
        headers = HEAD_BYTES_6;
        protocol = head[6];
        /* A packet longer than 64 KiB tells its length there. */
        if (protocol == OPTIONS_6) {
            if (skb_load_bytes(packet, HEAD_BYTES_6, options, sizeof(options)))
                return payload;
            headers += (options[1] + 1) * 8;
            protocol = options[0];
        }
    } else {
        headers = (head[0] & 0xf) * 4;
        protocol = head[9];
    }
    if (protocol == PROTOCOL_UDP)
        headers += HEAD_BYTES_UDP;
    if (protocol == PROTOCOL_TCP) {
        if (skb_load_bytes(packet, headers, tcp, sizeof(tcp)))
            return payload;
        headers += (tcp[12] >> 4) * 4;
        payload.is_tcp = 1;
        payload.first = (u32)tcp[4] << 24 | (u32)tcp[5] << 16 | (u32)tcp[6] << 8 | tcp[7];
        /* The beginning of a stream has a number too. */
        if (tcp[13] & TCP_SYN)
            payload.first++;
    }
    payload.bytes = packet->len > headers ? packet->len - headers : 0;
    return payload;
}

/* What was not sent, or received, before. A gap counts at once, and not when it is filled. */
INLINE u32 new_bytes(struct stream *stream, struct payload *payload)
{
    u32 next = payload->first + payload->bytes, ahead = next - stream->next, new = ahead;

    if (stream->is_begun && -ahead <= MAX_APART)
        return 0;
    /* Far from what came before it is another stream. */
    if (!stream->is_begun || ahead > MAX_APART)
        new = payload->bytes;
    stream->next = next;
    stream->is_begun = 1;
    return new;
}

INLINE void add_packet(struct carried *carried, u32 bytes, u32 is_sent)
{
    if (is_sent)
        __sync_fetch_and_add(&carried->sent_bytes, (u64)bytes);
    else
        __sync_fetch_and_add(&carried->received_bytes, (u64)bytes);
}

INLINE void count_packet(struct __sk_buff *packet, u32 is_sent)
{
    struct bpf_sock *socket = packet->sk;
    struct payload payload;
    struct carried *closed;
    struct socket_kept *kept;
    u32 bytes, closer;

    socket = socket ? sk_fullsock(socket) : 0;
    if (!socket)
        return;
    payload = payload_of(packet);
    bytes = payload.bytes;
    /* An acknowledgement. */
    if (bytes == 0)
        return;
    kept = sk_storage_get(&kept_of_socket, socket, 0, STORAGE_GET_CREATE);
    if (!kept)
        return;
    if (payload.is_tcp)
        bytes = new_bytes(is_sent ? &kept->sent : &kept->received, &payload);
    closer = kept->closer;
    add_packet(&kept->carried, bytes, is_sent);
    closed = closer ? map_lookup_elem(&closed_by_process, &closer) : 0;
    if (closed)
        add_packet(closed, bytes, is_sent);
}

/* 1 lets the packet, or the socket, go on: these programs only look. */
SEC("cgroup_skb/egress")
int packet_sent(struct __sk_buff *packet)
{
    count_packet(packet, 1);
    return 1;
}

SEC("cgroup_skb/ingress")
int packet_received(struct __sk_buff *packet)
{
    count_packet(packet, 0);
    return 1;
}

/* Comes in the process that closes the last of its descriptors. The pass over files has them all for a moment,
 * and then it may be who makes the pass. */
SEC("cgroup/sock_release")
int socket_closed(struct bpf_sock *socket)
{
    struct socket_kept *kept = sk_storage_get(&kept_of_socket, socket, 0, 0);
    struct carried *closed, nothing = {};
    u32 process = get_current_pid_tgid() >> 32;

    if (!kept)
        return 1;
    if (process == kept->reader)
        process = kept->holder;
    map_update_elem(&closed_by_process, &process, &nothing, UPDATE_NO_EXIST);
    closed = map_lookup_elem(&closed_by_process, &process);
    if (!closed)
        return 1;
    kept->closer = process;
    __sync_fetch_and_add(&closed->sent_bytes, kept->carried.sent_bytes - kept->carried.charged_sent_bytes);
    __sync_fetch_and_add(&closed->received_bytes,
                         kept->carried.received_bytes - kept->carried.charged_received_bytes);
    return 1;
}

SEC("iter/task_file")
int open_sockets(struct bpf_iter__task_file *context)
{
    struct task_struct *task = context->task;
    struct file *file = context->file;
    struct socket_kept *kept_socket;
    struct socket *socket;
    struct kept *kept;
    struct sock *sock;

    if (!task || !file)
        return 0;
    socket = sock_from_file(file);
    sock = socket ? socket->sk : 0;
    if (!sock)
        return 0;
    kept_socket = sk_storage_get(&kept_of_socket, sock, 0, 0);
    /* Processes come by pid; what carried something while the pass went on is not the next holder's. */
    if (!kept_socket || kept_socket->pass == context->meta->session_id)
        return 0;
    if (task->pid != task->tgid)
        task = task->group_leader;
    kept = task_storage_get(&kept_of_process, task, 0, STORAGE_GET_CREATE);
    if (!kept)
        return 0;
    kept_socket->pass = context->meta->session_id;
    kept_socket->holder = task->tgid;
    kept_socket->reader = get_current_pid_tgid() >> 32;
    charge(&kept_socket->carried, kept);
    return 0;
}

SEC("iter/task")
int closed_sockets(struct bpf_iter__task *context)
{
    struct task_struct *task = context->task;
    u32 process;

    if (!task || task->pid != task->tgid)
        return 0;
    process = task->tgid;
    if (map_lookup_elem(&closed_by_process, &process))
        take_in_closed(process, task_storage_get(&kept_of_process, task, 0, STORAGE_GET_CREATE));
    return 0;
}
