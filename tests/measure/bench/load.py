"""The load driver: what it is started with, and what it found."""

import json
import subprocess

# Counted over a whole run; one of them, and the run is wrong.
WRONG = ("lost", "doubled", "reordered", "refused")


class Driver:
    def __init__(self, binary):
        self.binary = binary
        self.runs = 0
        self.problems = []

    def run(self, server, *, expect_order=True, **options):
        """One run; `connections=8, parts=3, seconds=5`, `rate=100`, `shuffle=True`."""
        self.runs += 1
        arguments = [self.binary, "--url", server.url, "--name", f"r{self.runs}"]
        for name, value in options.items():
            arguments += [f"--{name.replace('_', '-')}"] + ([] if value is True else [str(value)])
        before = server.processes.cpu_seconds()
        done = subprocess.run([str(one) for one in arguments], capture_output=True, text=True)
        if done.returncode != 0:
            raise SystemExit(f"{arguments} failed:\n{done.stderr}")
        found = json.loads(done.stdout)
        used = server.processes.cpu_seconds() - before
        found["cpu_ms_per_call"] = round(1000 * used / max(found["callbacks_in_all"], 1), 3)
        found["options"] = options
        self.judge(server, found, expect_order)
        return found

    def judge(self, server, found, expect_order):
        wrong = {name: found[name] for name in WRONG if found[name]}
        if not expect_order:
            wrong.pop("reordered", None)
        if not found["callbacks_in_all"]:
            wrong["callbacks"] = "none at all"
        if wrong:
            self.problems.append(f"{server.name}, {found['options']}: {wrong} {found['wrong'][:3]}")
