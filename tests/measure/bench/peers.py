"""Servers that do the same work: started, asked, stopped. Each leaves nothing behind."""

import glob
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).parent / "peers"

# What is tried for each peer before it is measured; the best is taken.
CONCURRENCIES = (8, 24, 64)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Processes:
    """What one server consists of. CPU time is counted with all its children."""

    def __init__(self):
        self.started = []
        self.folder = Path(tempfile.mkdtemp(prefix="aftercall-bench-"))

    def start(self, arguments, wait_for=None, environment=None, folder=None):
        log = open(self.folder / f"log{len(self.started)}", "w+")
        process = subprocess.Popen(
            [str(argument) for argument in arguments],
            stdout=log,
            stderr=subprocess.STDOUT,
            env={**os.environ, **(environment or {})},
            cwd=folder,
            start_new_session=True,
        )
        self.started.append(process)
        if wait_for is None:
            return None
        for _ in range(600):
            log.seek(0)
            text = log.read()
            line = next((line for line in text.splitlines() if wait_for in line), None)
            if line is not None:
                return line
            if process.poll() is not None:
                raise SystemExit(f"{arguments[0]} did not start:\n{text[-3000:]}")
            time.sleep(0.1)
        raise SystemExit(f"{arguments[0]} is not ready after a minute:\n{text[-3000:]}")

    def stop_last(self, count=1):
        for _ in range(count):
            end(self.started.pop())

    def cpu_seconds(self):
        """User and system time of all processes and what they have started."""
        sessions = {process.pid for process in self.started}
        ticks = 0
        for path in glob.glob("/proc/[0-9]*/stat"):
            try:
                fields = Path(path).read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if int(fields[3]) in sessions:
                ticks += sum(int(field) for field in fields[11:15])
        return ticks / os.sysconf("SC_CLK_TCK")

    def stop(self):
        while self.started:
            self.stop_last()
        shutil.rmtree(self.folder, ignore_errors=True)


def end(process):
    """Asks the whole session, then insists."""
    for how in (signal.SIGINT, signal.SIGKILL):
        try:
            os.killpg(process.pid, how)
        except ProcessLookupError:
            break
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            continue
    process.wait()


class Aftercall:
    """The whole set in local mode, in a folder."""

    name = "Aftercall, local mode"
    ordered = True

    def __init__(self, binary):
        self.binary = binary
        self.processes = Processes()
        self.data = self.processes.folder / "data"

    def start(self):
        line = self.processes.start(
            [self.binary, "--listen", "127.0.0.1:0", "--data", self.data], wait_for="listening on "
        )
        self.url = line.split()[-1] + "/Service.asmx"
        return self

    def stop(self):
        self.processes.stop()


class Peer:
    """A door, a worker and a store."""

    ordered = True

    def __init__(self, installed):
        self.installed = installed
        self.processes = Processes()

    def start(self):
        self.start_store()
        self.url = self.start_door() + "/Service.asmx"
        self.start_worker(CONCURRENCIES[0])
        return self

    def retune(self, concurrency):
        self.processes.stop_last()
        self.start_worker(concurrency)

    def stop(self):
        self.processes.stop()

    def start_postgres(self):
        binaries = sorted(glob.glob("/usr/lib/postgresql/*/bin"))[-1]
        data = self.processes.folder / "postgres"
        port = free_port()
        # It refuses to run as root.
        as_user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
        if as_user:
            data.mkdir()
            os.chmod(self.processes.folder, 0o755)
            shutil.chown(data, "postgres")
        initdb = [*as_user, f"{binaries}/initdb", "-D", data, "-U", "postgres", "-A", "trust"]
        subprocess.run([str(one) for one in initdb], check=True, stdout=subprocess.DEVNULL, cwd="/")
        settings = {
            "port": port,
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            "synchronous_commit": "on",
            "fsync": "on",
            "max_connections": 200,
            "shared_buffers": "256MB",
            "logging_collector": "off",
        }
        options = [option for name, value in settings.items() for option in ("-c", f"{name}={value}")]
        self.processes.start(
            [*as_user, f"{binaries}/postgres", "-D", data, *options],
            wait_for="ready to accept connections",
            folder="/",
        )
        return f"postgres://postgres@127.0.0.1:{port}/postgres"


class Node(Peer):
    """npm `soap` before a queue of Node's."""

    script = ""

    def start_door(self):
        line = self.processes.start(
            ["node", self.script, "door"], "listening on ", self.environment, self.installed / "node"
        )
        return line.split()[-1]

    def start_worker(self, concurrency):
        arguments = ["node", self.script, "worker", concurrency]
        self.processes.start(arguments, "listening", self.environment, self.installed / "node")


class Graphile(Node):
    name = "npm soap + graphile-worker + PostgreSQL"
    script = "graphile.mjs"

    def start_store(self):
        self.environment = {"PG": self.start_postgres(), "NODE_ENV": "production"}


class BullMq(Node):
    name = "npm soap + BullMQ + Redis"
    script = "bullmq.mjs"
    ordered = False

    def start_store(self):
        port = free_port()
        self.processes.start(
            ["redis-server", "--port", port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "yes",
             "--appendfsync", "always", "--dir", self.processes.folder],
            wait_for="Ready to accept connections",
        )
        self.environment = {"REDIS": str(port), "NODE_ENV": "production"}


class Procrastinate(Peer):
    name = "spyne + procrastinate + PostgreSQL"

    def start_store(self):
        python = self.installed / "python/bin"
        # Its tools by their names, as an activated environment has them.
        path = f"{python}:{os.environ['PATH']}"
        self.environment = {
            "PG": self.start_postgres(), "PYTHONPATH": str(HERE), "PYTHONDONTWRITEBYTECODE": "1", "PATH": path,
            # gunicorn keeps a socket there.
            "HOME": str(self.processes.folder),
        }
        schema = ["procrastinate", "--app=tasks.app", "schema", "--apply"]
        subprocess.run(schema, check=True, env={**os.environ, **self.environment}, stdout=subprocess.DEVNULL)
        make = "import os, psycopg; psycopg.connect(os.environ['PG'], autocommit=True)" \
               ".execute('create table results (id text primary key, result jsonb not null)')"
        subprocess.run(["python", "-c", make], check=True, env={**os.environ, **self.environment})

    def start_door(self):
        port = free_port()
        self.processes.start(
            ["gunicorn", "--bind", f"127.0.0.1:{port}", "--workers", "2", "--threads", "16",
             "--worker-class", "gthread", "--keep-alive", "75", "door:application"],
            wait_for="Booting worker",
            environment=self.environment,
        )
        time.sleep(2)
        return f"http://127.0.0.1:{port}"

    def start_worker(self, concurrency):
        arguments = ["python", HERE / "tasks.py", "worker", concurrency]
        self.processes.start(arguments, "listening", self.environment)


ALL = (Graphile, Procrastinate, BullMq)


def install(folder):
    """Into an ignored folder, once for each list of packages."""
    if not shutil.which("redis-server") or not glob.glob("/usr/lib/postgresql/*/bin/postgres"):
        subprocess.run(["apt-get", "update", "-qq"], check=True)
        subprocess.run(["apt-get", "install", "-y", "-qq", "postgresql", "redis-server"], check=True)
    node, python = folder / "node", folder / "python"
    node.mkdir(parents=True, exist_ok=True)
    for file in [*HERE.glob("*.mjs"), HERE / "create.wsdl"]:
        shutil.copy(file, node)
    if changed(HERE / "package.json", node / "package.json"):
        shutil.copy(HERE / "package.json", node)
        npm = ["npm", "install", "--silent", "--no-fund", "--no-audit", "--no-package-lock"]
        subprocess.run(npm, cwd=node, check=True)
    if changed(HERE / "procrastinate.txt", python / "procrastinate.txt"):
        subprocess.run(["python3", "-m", "venv", python], check=True)
        subprocess.run([python / "bin/pip", "install", "--quiet", "-r", HERE / "procrastinate.txt"], check=True)
        shutil.copy(HERE / "procrastinate.txt", python)


def changed(wanted, installed):
    return not installed.exists() or installed.read_bytes() != wanted.read_bytes()
