"""Measures, writes the figures as JSON beside what was built, and makes a page of them.

`bench.py --target target [--short] [--only price,cold,...]`. The long run writes
`docs/benchmarks.md`, with `--only` these sections of it; the short one, for CI, a page beside its
figures. Neither fails for a time;
both fail when a call was lost, doubled, reordered or refused.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import growth
import machine
import page
import peers
import price
from load import Driver

ROOT = Path(__file__).resolve().parents[3]
FUNCTIONS = ("ingest", "processor", "notifier", "timekeeper")


class Bench:
    def __init__(self, target, short):
        self.target = target
        self.short = short
        self.folder = target / "bench"
        self.folder.mkdir(parents=True, exist_ok=True)
        self.local = target / "release/local"
        self.driver = Driver(target / "release/load")
        self.problems = []
        self.skipped = []

    def seconds(self, long, short):
        return short if self.short else long

    # (a)
    def price(self):
        cases, logged, listed = price.price()
        self.problems += price.problems(cases)
        return {"cases": cases, "targets": price.TARGETS, "logged": logged, "listed": listed}

    # (b) and (c)
    def functions(self):
        """Where the functions are as they are deployed; nothing, if nobody has built them."""
        for folder in (self.target / "lambda", self.target / "deploy/lambda"):
            if (folder / "ingest").is_file():
                return folder
            if (folder / "ingest/bootstrap").is_file():
                beside = self.folder / "functions"
                beside.mkdir(exist_ok=True)
                for name in FUNCTIONS:
                    shutil.copy(folder / name / "bootstrap", beside / name)
                return beside
        self.skipped.append("cold start and stages: no function is built with the profile `lambda`")
        return None

    def stages(self, functions, *arguments):
        """The functions on a local cloud behind TLS."""
        cloud = peers.Processes()
        port, invocations = peers.free_port(), peers.free_port()
        try:
            cloud.start(
                [self.local, "--listen", f"127.0.0.1:{port}", "--lambda", f"http://127.0.0.1:{invocations}"],
                wait_for="listening on ",
            )
            environment = subprocess.run(
                [ROOT / "tests/lanes/watch/environment", str(port), f"http://127.0.0.1:{port}/", "local"],
                check=True, capture_output=True, text=True,
            ).stdout
            queue = f"http://127.0.0.1:{port}/000000000000/aftercall-high-dead.fifo"
            (cloud.folder / "environment").write_text(f"{environment}AWS_DEFAULT_REGION=us-east-1\nBENCH_QUEUE_URL={queue}\n")
            self.certify(cloud.folder)
            given = {
                "--cloud": f"127.0.0.1:{port}", "--invocations": invocations, "--functions": functions,
                "--certificate": cloud.folder / "certificate.pem", "--key": cloud.folder / "key.pem",
                "--roots": cloud.folder / "roots.pem", "--environment": cloud.folder / "environment",
            }
            pairs = [str(word) for pair in given.items() for word in pair]
            command = [str(self.target / "release/stages"), *pairs, *[str(one) for one in arguments]]
            # A folder of certificates that this machine names would be read beside the roots.
            environment = {name: value for name, value in os.environ.items() if name != "SSL_CERT_DIR"}
            done = subprocess.run(command, capture_output=True, text=True, cwd=cloud.folder, env=environment)
            if done.returncode != 0:
                raise SystemExit(f"stages failed:\n{done.stderr[-3000:]}")
            found = json.loads(done.stdout)
            outcome = found.pop("outcome")
            for name in ("lost", "doubled", "reordered", "refused"):
                if outcome[name]:
                    self.problems.append(f"functions in a cloud behind TLS: {name} {outcome[name]}")
            found["instructions"] = {
                name: counted for name in FUNCTIONS if (counted := instructions(cloud.folder, name))
            }
            return found
        finally:
            cloud.stop()

    def certify(self, folder):
        """A certificate for this machine, beside those that the functions judge AWS by."""
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
             "-keyout", folder / "key.pem", "-out", folder / "certificate.pem", "-days", "2", "-subj",
             "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-addext",
             "basicConstraints=critical,CA:FALSE"],
            check=True, capture_output=True,
        )
        amazons = ROOT / "shared/cloud/src/aws/amazon_roots.pem"
        (folder / "roots.pem").write_bytes(amazons.read_bytes() + (folder / "certificate.pem").read_bytes())

    def cold(self):
        functions = self.functions()
        if functions is None:
            return None
        others = [] if self.short else self.handlers()
        return self.stages(functions, "--calls", self.seconds(20, 3), *others)

    def handlers(self):
        """Handlers of others, installed beside what is built."""
        here = Path(__file__).parent / "handlers"
        node, python = self.folder / "handlers/node", self.folder / "handlers/python"
        node.mkdir(parents=True, exist_ok=True)
        shutil.copy(here / "handler.mjs", node)
        if peers.changed(here / "package.json", node / "package.json"):
            shutil.copy(here / "package.json", node)
            npm = ["npm", "install", "--silent", "--no-fund", "--no-audit", "--no-package-lock"]
            subprocess.run(npm, cwd=node, check=True)
        bundle = ["node_modules/.bin/esbuild", "handler.mjs", "--bundle", "--platform=node", "--format=esm",
                  "--target=node20", "--minify", "--outfile=bundle.mjs", "--log-level=error",
                  "--banner:js=import{createRequire}from'module';const require=createRequire(import.meta.url);"]
        subprocess.run(bundle, cwd=node, check=True)
        if peers.changed(here / "python.txt", python / "python.txt"):
            subprocess.run(["python3", "-m", "venv", python], check=True)
            subprocess.run([python / "bin/pip", "install", "--quiet", "-r", here / "python.txt"], check=True)
            shutil.copy(here / "python.txt", python)
        return [
            "--other", "Node, AWS SDK v3, bundled", f"node {node / 'bundle.mjs'}",
            "--other", "Python, boto3", f"{python / 'bin/python'} {here / 'handler.py'}",
        ]

    def cpu(self):
        functions = self.functions()
        if functions is None:
            return None
        found = {"time": self.stages(functions, "--keep", 1, "--calls", self.seconds(200, 10))}
        if self.short or not shutil.which("valgrind"):
            return found
        # The difference of two runs is that of their calls: starting costs both the same.
        wrapper = "valgrind --tool=callgrind --callgrind-out-file={}.callgrind"
        counts = {}
        for calls in (4, 24):
            run = self.stages(functions, "--keep", 1, "--calls", calls, "--wrapper", wrapper)
            counts[calls] = run["instructions"]
        found["instructions"] = {
            name: round((counts[24][name] - counts[4][name]) / 20) for name in counts[24] if name in counts[4]
        }
        return found

    def reading(self):
        """What reading alone takes, by an example of the crate that does it."""
        example = ["--release", "--package", "soap", "--example", "reading"]
        subprocess.run(["cargo", "build", "--quiet", *example], check=True)
        done = subprocess.run([self.target / "release/examples/reading"], check=True, capture_output=True, text=True)
        return json.loads(done.stdout)

    # (d)
    def throughput(self):
        found = {"closed": []}
        connections = self.seconds((1, 8, 64), (8,))
        parts = self.seconds((1, 3, 10), (1, 3))
        server = peers.Aftercall(self.local).start()
        try:
            for of in parts:
                for count in connections:
                    run = self.driver.run(
                        server, connections=count, parts=of, under_way=max(256, count * of),
                        seconds=self.seconds(5, 3), warm=self.seconds(2, 1),
                    )
                    found["closed"].append(run)
                    self.say(f"{count} connections, conversations of {of}: {run['callbacks_per_s']}/s")
            found["shuffled"] = self.driver.run(
                server, connections=8, parts=3, shuffle=True, seconds=self.seconds(5, 3), warm=1
            )
            capacity = max(run["callbacks_per_s"] for run in found["closed"] if run["options"]["parts"] == 3)
            found["open"] = self.driver.run(
                server, rate=max(1, int(capacity / 2)), parts=3, seconds=self.seconds(15, 4), warm=self.seconds(3, 1)
            )
        finally:
            server.stop()
        return found

    # (e)
    def others(self):
        if self.short:
            return None
        installed = self.folder / "peers"
        peers.install(installed)
        systems = [self.measured(peers.Aftercall(self.local), None)]
        for peer in peers.ALL:
            systems.append(self.measured(peer(installed), peers.CONCURRENCIES))
        return systems

    def measured(self, server, concurrencies):
        """In order, a connection for each conversation: what every one of them can stand."""
        run = lambda **options: self.driver.run(server, expect_order=server.ordered, parts=3, under_way=256, **options)
        try:
            server.start()
            best = None
            if concurrencies:
                tried = {}
                for concurrency in concurrencies:
                    server.retune(concurrency)
                    tried[concurrency] = run(connections=64, seconds=4, warm=2)["callbacks_per_s"]
                best = max(tried, key=tried.get)
                server.retune(best)
            runs = [run(connections=64, seconds=7, warm=3) for _ in range(3)]
            alone = run(connections=1, seconds=5, warm=1)
        finally:
            server.stop()
        rates = sorted(one["callbacks_per_s"] for one in runs)
        median = next(one for one in runs if one["callbacks_per_s"] == rates[1])
        self.say(f"{server.name}: {rates}/s")
        return {
            "name": server.name, "ordered": server.ordered, "concurrency": best, "rates": rates,
            "median": median, "alone": alone, "reordered": sum(one["reordered"] for one in runs),
        }

    # (f)
    def growth(self):
        return {"stored": self.growth_of_store(), "parts": self.growth_of_conversation()}

    def growth_of_store(self):
        found = []
        with tempfile.TemporaryDirectory(prefix="aftercall-growth-") as kept:
            data = Path(kept) / "data"
            for calls in self.seconds((10, 10_000, 100_000, 1_000_000), (10, 1_000)):
                if data.exists():
                    began = time.monotonic()
                    growth.grow(data, calls)
                    self.say(f"{calls} calls stored after {time.monotonic() - began:.0f} s")
                server = peers.Aftercall(self.local)
                server.data = data
                try:
                    server.start()
                    if calls == 10:
                        self.driver.run(server, connections=1, parts=1, calls=10)
                    run = self.driver.run(
                        server, connections=4, parts=1, seconds=self.seconds(5, 2), warm=self.seconds(2, 1)
                    )
                    found.append({"calls": calls, "run": run})
                finally:
                    server.stop()
        return found

    def growth_of_conversation(self):
        found = []
        server = peers.Aftercall(self.local).start()
        try:
            self.driver.run(server, connections=1, parts=1, calls=20)
            for parts in self.seconds((1, 10, 100, 1_000, 10_000), (1, 10, 100)):
                # As many calls each, up to the longest.
                calls = max(parts, self.seconds(300, 50))
                run = self.driver.run(server, connections=1, parts=parts, calls=calls, under_way=100_000)
                found.append({"parts": parts, "run": run})
                self.say(f"conversations of {parts}: {run['cpu_ms_per_call']} ms of CPU per call")
        finally:
            server.stop()
        return found

    def say(self, what):
        print(f"  {what}", flush=True)


def instructions(folder, function):
    """What callgrind has counted in all; nothing where it did not look."""
    file = folder / f"{function}.callgrind"
    if not file.exists():
        return None
    totals = [line.split()[1] for line in file.read_text().splitlines() if line.startswith(("totals:", "summary:"))]
    return int(totals[-1]) if totals else None


SECTIONS = {
    "price": Bench.price,
    "throughput": Bench.throughput,
    "peers": Bench.others,
    "reading": Bench.reading,
    "cold": Bench.cold,
    "cpu": Bench.cpu,
    "growth": Bench.growth,
}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--target", type=Path, required=True)
    parser.add_argument("--short", action="store_true")
    parser.add_argument("--only", default=",".join(SECTIONS))
    arguments = parser.parse_args()
    os.chdir(ROOT)
    bench = Bench(arguments.target.resolve(), arguments.short)
    figures = {"machine": machine.machine(), "versions": machine.versions(), "short": arguments.short}
    figures["sync_ms"] = machine.sync_ms(bench.folder)
    for name in arguments.only.split(","):
        began = time.monotonic()
        print(f"{name} ...", flush=True)
        figures[name] = SECTIONS[name](bench)
        print(f"{name}: {time.monotonic() - began:.0f} s", flush=True)
    bench.problems += bench.driver.problems
    figures["skipped"] = bench.skipped
    (bench.folder / "figures.json").write_text(json.dumps(figures, indent=1))
    whole = arguments.short or arguments.only == ",".join(SECTIONS)
    written = page.write(figures, bench.folder / "page" if arguments.short else ROOT / "docs", whole)
    print(page.table(figures))
    for skipped in bench.skipped:
        print(f"SKIPPED: {skipped}")
    print(f"written: {written}")
    for problem in bench.problems:
        print(f"WRONG: {problem}")
    sys.exit(1 if bench.problems else 0)


if __name__ == "__main__":
    main()
