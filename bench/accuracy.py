#!/usr/bin/env python3
"""Compares what Tacho stored of this machine with psutil, an independent reader of the same kernel.

    bench/accuracy.py URL TOKEN_FILE [--host NAME] [--seconds 60] [--processes 20]

Load with known shares runs meanwhile: loops that compute part of the time, one that writes to disk, one that
sends through loopback. psutil is read right after two snapshots arrive (server-sent events), so that both sides
cover the same time but for the milliseconds in between; what Tacho stored between the two is summed.
"""

import argparse
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request

import psutil

BUSY = "import time\nwhile True:\n end = time.monotonic() + {0}\n while time.monotonic() < end: pass\n time.sleep(0.1 - {0})"
WRITER = "import os, time\nf = os.open({0!r}, os.O_WRONLY | os.O_CREAT)\nwhile True:\n os.lseek(f, 0, 0); os.write(f, bytes(1 << 20)); os.fdatasync(f); time.sleep(0.1)"
SENDER = """import socket, threading, time
server = socket.create_server(("127.0.0.1", 0))
client = socket.create_connection(server.getsockname())
peer, _ = server.accept()
threading.Thread(target=lambda: [peer.recv(1 << 16) for _ in iter(int, 1)], daemon=True).start()
while True:
 client.sendall(bytes(1 << 16)); time.sleep(0.01)"""


class Api:
    def __init__(self, url, token):
        self.url, self.headers = url.rstrip("/") + "/api/v1", {"Authorization": f"Bearer {token}"}

    def open(self, path, **query):
        address = f"{self.url}{path}?{urllib.parse.urlencode(query)}"
        return urllib.request.urlopen(urllib.request.Request(address, headers=self.headers), timeout=120)

    def get(self, path, **query):
        with self.open(path, **query) as answer:
            return json.load(answer)

    def rows(self, host, table, start_ms, end_ms):
        return self.get(f"/hosts/{host}/rows", table=table, **{"from": start_ms + 1, "to": end_ms + 1})["rows"]


def snapshots(api, host):
    """Times of snapshots, each as it arrives."""
    kind = None
    with api.open("/live", host=host) as stream:
        for line in stream:
            name, _, value = line.decode().rstrip("\n").partition(": ")
            if name == "event":
                kind = value
            elif name == "data" and kind == "snapshot":
                yield json.loads(value)["latest"]["time"]


def read(processes):
    cpu, found = psutil.cpu_times(), {}
    for process in processes:
        with process.oneshot():
            times, io = process.cpu_times(), process.io_counters()
            found[process.pid] = {
                "cpu seconds": times.user + times.system,
                "disk bytes written": io.write_bytes,
                "disk bytes read": io.read_bytes,
                "resident bytes": process.memory_info().rss,
            }
    return {"cpu": cpu, "memory": psutil.virtual_memory(), "disks": psutil.disk_io_counters(perdisk=True),
            "interfaces": psutil.net_io_counters(pernic=True), "processes": found}


def epoch_ms(time_text):
    from datetime import datetime
    return round(datetime.fromisoformat(time_text.replace("Z", "+00:00")).timestamp() * 1000)


def total(rows, *columns):
    return sum(row[column] or 0 for row in rows for column in columns)


def compare(results, what, tacho, other):
    results.append((what, tacho, other))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url")
    parser.add_argument("token_file")
    parser.add_argument("--host", default=socket.gethostname())
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--processes", type=int, default=20)
    arguments = parser.parse_args()
    with open(arguments.token_file, encoding="ascii") as file:
        api = Api(arguments.url, file.read().strip())
    with tempfile.TemporaryDirectory(dir=os.getcwd()) as directory:
        programs = [BUSY.format(share / 200) for share in range(1, 14)]
        programs += [WRITER.format(os.path.join(directory, "written")), SENDER]
        load = [subprocess.Popen([sys.executable, "-c", program]) for program in programs]
        try:
            measure(api, arguments, [process.pid for process in load])
        finally:
            for process in load:
                process.kill()
                process.wait()


def measure(api, arguments, load):
    arrivals = snapshots(api, arguments.host)
    for _ in range(3):
        next(arrivals)
    own = os.getpid()
    processes = [psutil.Process(pid) for pid in load]
    # The others that used most so far.
    others = [p for p in psutil.process_iter() if p.pid not in load and p.pid != own and p.ppid() not in (2, 0)]
    others.sort(key=lambda p: -sum(p.cpu_times()[:2]))
    processes += [p for p in others if readable(p)][: max(0, arguments.processes - len(processes))]
    start, first = epoch_ms(next(arrivals)), None
    first = read(processes)
    end = start
    while end < start + arguments.seconds * 1000:
        end = epoch_ms(next(arrivals))
    second = read(processes)
    report(api, arguments.host, start, end, first, second)


def readable(process):
    try:
        return process.io_counters() is not None
    except psutil.Error:
        return False


def report(api, host, start, end, first, second):
    rows = api.rows(host, "host", start, end)
    print(f"{len(rows)} snapshots over {(end - start) / 1000:.1f} s; difference in per cent of psutil's figure\n")
    results = []
    for column, name in [("user", "user"), ("nice", "nice"), ("system", "system"), ("iowait", "iowait"),
                         ("irq", "irq"), ("softirq", "softirq"), ("steal", "steal"), ("idle", "idle")]:
        before, after = getattr(first["cpu"], name), getattr(second["cpu"], name)
        compare(results, f"host: CPU seconds, {column}", total(rows, f"cpu_{column}_us") / 1e6, after - before)
    last = rows[-1]
    for column, name in [("total", "total"), ("free", "free"), ("available", "available"), ("cached", "cached"),
                         ("buffers", "buffers"), ("active", "active"), ("slab", "slab")]:
        if column == "slab":
            tacho = last["memory_slab_reclaimable_bytes"] + last["memory_slab_unreclaimable_bytes"]
        else:
            tacho = last[f"memory_{column}_bytes"]
        other = getattr(second["memory"], name)
        # psutil counts reclaimable slab as cache.
        other -= last["memory_slab_reclaimable_bytes"] if column == "cached" else 0
        compare(results, f"host: memory, {column} MB", tacho / 1e6, other / 1e6)
    disks = api.rows(host, "disk", start, end)
    for disk in sorted({row["device"] for row in disks} & set(first["disks"])):
        before, after = first["disks"][disk], second["disks"][disk]
        if after.write_bytes == before.write_bytes:
            continue
        ours = [row for row in disks if row["device"] == disk]
        for column, name in [("reads", "read_count"), ("writes", "write_count"),
                             ("read_bytes", "read_bytes"), ("write_bytes", "write_bytes")]:
            compare(results, f"disk {disk}: {column}", total(ours, column), getattr(after, name) - getattr(before, name))
    interfaces = api.rows(host, "interface", start, end)
    for interface in sorted({row["interface"] for row in interfaces} & set(first["interfaces"])):
        before, after = first["interfaces"][interface], second["interfaces"][interface]
        if after.bytes_recv == before.bytes_recv:
            continue
        ours = [row for row in interfaces if row["interface"] == interface]
        for column, name in [("rx_bytes", "bytes_recv"), ("tx_bytes", "bytes_sent"),
                             ("rx_packets", "packets_recv"), ("tx_packets", "packets_sent")]:
            compare(results, f"interface {interface}: {column}", total(ours, column),
                    getattr(after, name) - getattr(before, name))
    show(results)
    processes = []
    of_process = {}
    for row in api.rows(host, "process", start, end):
        of_process.setdefault(row["pid"], []).append(row)
    for pid, before in first["processes"].items():
        after, ours = second["processes"][pid], of_process.get(pid, [])
        name = ours[-1]["name"] if ours else "?"
        compare(processes, f"{pid} {name}: CPU seconds", total(ours, "cpu_user_us", "cpu_system_us") / 1e6,
                after["cpu seconds"] - before["cpu seconds"])
        for direction in ("read", "write"):
            what = "disk bytes written" if direction == "write" else "disk bytes read"
            compare(processes, f"{pid} {name}: {what}", total(ours, f"disk_{direction}_bytes"), after[what] - before[what])
        compare(processes, f"{pid} {name}: resident kB", ours[-1]["rss_bytes"] / 1024 if ours else float("nan"),
                after["resident bytes"] / 1024)
    print()
    show(processes)


def show(results):
    print(f"{'':44} {'Tacho':>16} {'psutil':>16} {'off by':>12} {'%':>8}")
    for what, tacho, other in results:
        if not tacho and not other:
            continue
        share = f"{100 * (tacho - other) / other:8.2f}" if other else "       -"
        print(f"{what[:44]:44} {tacho:16,.2f} {other:16,.2f} {tacho - other:12,.2f} {share}")


main()
