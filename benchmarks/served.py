"""Requests over HTTP: gunicorn with threads, measured with wrk."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

from .inbox import fsync_floor
from .receivers import PATH, RECEIVERS, delivery, forget_tasks
from .rounds import compare

DELIVERIES = 15_000  # one for each request, while they last
SECONDS = 3

SCRIPT = """
local deliveries = {}
for line in io.lines(os.getenv("DELIVERIES")) do
  local headers, body = line:match("^(.-)\\t(.*)$")
  local made = {["Content-Type"] = "application/json"}
  for name, value in headers:gmatch("([^|]+)|([^|]+)") do made[name] = value end
  deliveries[#deliveries + 1] = wrk.format("POST", "%s", made, body)
end
local number = 0
request = function()
  number = number % #deliveries + 1
  return deliveries[number]
end
"""


def rate(receiver: str, folder: Path) -> float:
    """Return requests per second of a new server."""
    sent = folder / f"{receiver}.txt"
    with sent.open("w") as file:  # signed again, since old signatures expire
        for _ in range(DELIVERIES):
            headers, body = delivery(receiver)
            pairs = "|".join(f"{name}|{value}" for name, value in headers.items())
            file.write(f"{pairs}\t{body.decode()}\n")
    script = folder / "send.lua"
    script.write_text(SCRIPT.replace("%s", PATH))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "gunicorn", "-b", f"127.0.0.1:{port}"]
    command += ["--threads", "16", "--log-level", "error", "benchmarks.receivers:app"]
    server = subprocess.Popen(command, env=os.environ | {"RECEIVER": receiver})
    try:
        _wait_for(port)
        wrk = ["wrk", "-t1", "-c16", f"-d{SECONDS}s", "-s", str(script)]
        output = subprocess.run(
            [*wrk, f"http://127.0.0.1:{port}{PATH}"],
            env=os.environ | {"DELIVERIES": str(sent)},
            check=True,
            capture_output=True,
            text=True,
        ).stdout
    finally:
        server.terminate()
        server.wait(60)
    assert "Non-2xx" not in output, output
    found = re.search(r"Requests/sec:\s+([\d.]+)", output)
    assert found is not None, output
    return float(found[1])


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.05)
    raise TimeoutError("gunicorn did not start")


def main(rounds: int = 5) -> None:
    if shutil.which("wrk") is None:
        print("There is no wrk, so nothing is measured over HTTP: apt-get install wrk")
        return
    with tempfile.TemporaryDirectory() as folder:
        cases = {name: partial(rate, name, Path(folder)) for name in RECEIVERS}
        cases["the disk's syncs"] = partial(fsync_floor, Path(folder), seconds=1)
        compare(
            "served",
            "Over HTTP: gunicorn with 16 threads, 16 connections",
            "rate of requests",
            cases,
            rounds=rounds,
        )
    forget_tasks()


if __name__ == "__main__":
    main()
