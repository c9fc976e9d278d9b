"""What it was measured on, and with what."""

import datetime
import os
import re
import subprocess
from pathlib import Path


def said(*command):
    """The first line of what a command says; nothing if it is not there."""
    try:
        done = subprocess.run(command, capture_output=True, text=True)
    except OSError:
        return ""
    return (done.stdout or done.stderr).strip().partition("\n")[0]


def machine():
    cpu = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    memory = re.search(r"MemTotal:\s*(\d+)", Path("/proc/meminfo").read_text())
    system = re.search(r'PRETTY_NAME="(.*)"', Path("/etc/os-release").read_text())
    return {
        "date": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "processor": cpu.group(1) if cpu else "unknown",
        "cores": os.cpu_count(),
        "memory_gb": round(int(memory.group(1)) / 2**20) if memory else 0,
        "system": system.group(1) if system else "unknown",
        "kernel": os.uname().release,
        "load": [round(one, 2) for one in os.getloadavg()],
    }


def versions():
    found = {
        "Rust": said("rustc", "--version").removeprefix("rustc "),
        "Node": said("node", "--version").removeprefix("v"),
        "Python": said("python3", "--version").removeprefix("Python "),
        "valgrind": said("valgrind", "--version").removeprefix("valgrind-"),
    }
    commit = said("git", "rev-parse", "--short=10", "HEAD")
    dirty = said("git", "status", "--porcelain", "--untracked-files=no")
    found["Aftercall"] = commit + (" with changes" if dirty else "")
    return found


def sync_ms(folder):
    """The median time of a sync of 4 KB to the disk: the floor of every answer."""
    times = []
    path = folder / "sync"
    import time

    with open(path, "wb", buffering=0) as file:
        for _ in range(60):
            file.write(bytes(4096))
            began = time.perf_counter()
            os.fdatasync(file.fileno())
            times.append(time.perf_counter() - began)
    path.unlink()
    return round(1000 * sorted(times)[len(times) // 2], 2)
