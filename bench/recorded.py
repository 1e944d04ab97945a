#!/usr/bin/env python3
"""Writes what a server has stored of one host, processes and connections left out, as text that other systems take.

    recorded.py http://127.0.0.1:9380 .tacho/api-token HOST openmetrics|prometheus >values.txt

The number of values goes to standard error. Counters are added up from the stored deltas, as those systems have them.
"""

import json
import sys
import urllib.parse
import urllib.request
from datetime import datetime

# What a process or a connection did is not a value of the host, and events are text.
LEFT_OUT = {"process", "connection", "listener", "event"}


def main():
    url, token_file, host, form = sys.argv[1:5]
    with open(token_file, encoding="utf-8") as file:
        token = file.read().strip()

    def ask(path):
        request = urllib.request.Request(f"{url}/api/v1/{path}", headers={"Authorization": f"Bearer {token}"})
        with urllib.request.urlopen(request, timeout=300) as answer:
            return json.load(answer)

    values = 0
    out = sys.stdout
    for table in ask("tables")["tables"]:
        if table["name"] in LEFT_OUT:
            continue
        numbers = [
            (column["name"], column["meaning"])
            for column in table["columns"]
            if not column["derived"] and column["meaning"] != "label" and column["type"] in ("integer", "float")
        ]
        query = urllib.parse.urlencode({"table": table["name"], "from": "2000-01-01T00:00:00Z"})
        totals = {}
        for row in ask(f"hosts/{urllib.parse.quote(host)}/rows?{query}")["rows"]:
            entity = [f'{name}="{quoted(row[name])}"' for name in table["entity"] if row.get(name) is not None]
            labels = ",".join([f'host="{quoted(host)}"', *entity])
            time_ms = round(datetime.fromisoformat(row["time"]).timestamp() * 1000)
            stamp = f"{time_ms / 1000:.3f}" if form == "openmetrics" else str(time_ms)
            for name, meaning in numbers:
                value = row.get(name)
                if value is None:
                    continue
                series = f"{table['name']}_{name}{{{labels}}}"
                if meaning == "delta":
                    value = totals[series] = totals.get(series, 0) + value
                out.write(f"{series} {value} {stamp}\n")
                values += 1
    if form == "openmetrics":
        out.write("# EOF\n")
    print(f"{values} values", file=sys.stderr)


def quoted(text):
    return str(text).replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


main()
