"""Asks the server for SQL, as the scripts beside this one need it."""

import json
import os
import urllib.request

URL = os.environ["TACHO_URL"]
DATA = os.environ["TACHO_DATA"]
FROM_MS = int(os.environ["TACHO_FROM_MS"])
HOUR_MS = 3_600_000


def ask(query, accept="application/json"):
    """The body of the answer."""
    request = urllib.request.Request(
        URL + "/api/v1/sql",
        data=json.dumps({"query": query}).encode(),
        headers={
            "Authorization": "Bearer " + os.environ["TACHO_TOKEN"],
            "Content-Type": "application/json",
            "Accept": accept,
        },
    )
    with urllib.request.urlopen(request) as answer:
        assert answer.headers["Content-Type"] == accept, answer.headers
        return answer.read()


def rows(query):
    return json.loads(ask(query))["rows"]


def closed_hour():
    """A condition on rows that are all in files."""
    return f"time >= to_timestamp_millis({FROM_MS}) AND time < to_timestamp_millis({FROM_MS + HOUR_MS})"
