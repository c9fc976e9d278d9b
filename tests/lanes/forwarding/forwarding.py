"""Forwards calls to a scripted backend through ten outages, kills the local server at random, and counts by
the backend's own log: nothing lost, nothing done twice but what was declared safe, order kept, and unknown
only what was in flight.

With --throughput: how many calls a second a backend of 300 ms takes at a concurrency of 50. With --passed: how
much longer a call takes whose caller waits than at the backend itself.
"""

import argparse
import http.client
import os
import random
import signal
import sys
import tempfile
import shutil
import subprocess
import threading
import time
from collections import Counter, defaultdict
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "kill"))
from kill import ENVELOPE, Server, free_port, post, results_of, text_of  # noqa: E402

from backend import MODES, NOBODY_KNOWS, NOT_DONE, Backend  # noqa: E402

CONNECTIONS = 12
# Long enough that a machine that is busy answers within it, when the backend does not mean to be late.
TIMEOUT_S = 5
# From the arrival of a call at the backend until what came of it is committed, on such a machine.
COMMITTED_WITHIN_S = 4
# What is said of a call of which whoever sent it was killed.
KILLED = "whoever sent it ended before the answer came"
# A kill can meet as many calls in flight as the server has places.
IN_FLIGHT_MAX = 60
PRIORITIES = ("High", "Medium", "Low")

CALL = """<{method}Request xmlns="http://exacttarget.com/wsdl/partnerAPI"><Options><QueuePriority>{priority}</QueuePriority>{place}\
<RequestType>Asynchronous</RequestType></Options>{objects}</{method}Request>"""
OBJECT = """<Objects xsi:type="Subscriber"><SubscriberKey>{key}</SubscriberKey></Objects>"""
PLACE = """<ConversationID>{name}</ConversationID><SequenceCode>{number}</SequenceCode><CallsInConversation>3</CallsInConversation>"""


class Call:
    """One call: a part of a conversation, one alone, or one alone that is safe to repeat."""

    def __init__(self, name, number, safe):
        self.name, self.number, self.safe = name, number, safe
        self.key = f"{name}-{number}"
        self.request_id = self.outcome = None

    def envelope(self):
        place = PLACE.format(name=self.name, number=self.number) if self.number else ""
        objects = "".join(OBJECT.format(key=key) for key in (self.key, self.key + "-b"))
        method = "Delete" if self.safe else "Create"
        priority = PRIORITIES[hash(self.name) % 3]
        return ENVELOPE.format(body=CALL.format(method=method, place=place, objects=objects, priority=priority))

    def send(self, connection):
        headers = {} if self.number else {"idempotency-key": self.key}
        try:
            status, answer = post(connection, "/Service.asmx", self.envelope(), **headers)
        except (OSError, http.client.HTTPException):
            return False
        if status != 200 or text_of("OverallStatus", answer) != "OK":
            return False
        self.request_id = text_of("RequestID", answer)
        return True


def calls_of(batch, number):
    """A third of them in conversations of three, in any order; a sixth safe to repeat."""
    calls = []
    for at in range(number // 6):
        calls += [Call(f"c{batch}-{at}", part, False) for part in (1, 2, 3)]
        calls += [Call(f"a{batch}-{at}-{one}", 0, False) for one in range(2)]
        calls.append(Call(f"d{batch}-{at}", 0, True))
    random.shuffle(calls)
    return calls


def queue(port, calls):
    """Sends each until it is answered."""
    left, lock = list(calls), threading.Lock()

    def work():
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        while True:
            with lock:
                if not left:
                    return
                call = left.pop()
            while not call.send(connection):
                connection.close()
                time.sleep(0.1)

    workers = [threading.Thread(target=work) for _ in range(CONNECTIONS)]
    for worker in workers:
        worker.start()
    return workers


def taken_in(calls, share):
    """Comes back once that part of them is answered: whatever begins then meets the others."""
    until = time.monotonic() + 60
    while sum(1 for call in calls if call.request_id) < share * len(calls) and time.monotonic() < until:
        time.sleep(0.01)


def advance(port, seconds):
    # Answered once all that is due has been started, for which a busy machine takes its time.
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=600)
    post(connection, f"/_local/clock/advance?seconds={seconds}")
    connection.close()


def command(path, port, words):
    subprocess.run([path, "--endpoint", f"http://127.0.0.1:{port}", *words.split()], check=True, stdout=subprocess.DEVNULL)


def start(binary, backend_port, concurrency=50, timeout=TIMEOUT_S):
    data = tempfile.mkdtemp(prefix="aftercall-forwarding-")
    server = Server(binary, data, free_port())
    server.arguments += [
        "--backend", f"http://127.0.0.1:{backend_port}", "--backend-client", "c", "--backend-secret", "s",
        "--backend-timeout", str(timeout), "--backend-concurrency", str(concurrency),
    ]
    server.start()
    return server, data


def outages(binary, number, kills_each, aftercall):
    backend = Backend(free_port())
    server, data = start(binary, backend.port)
    command(aftercall, server.port, "accounts safe-to-repeat local Delete")
    modes = [mode for mode in MODES]
    random.shuffle(modes)
    calls, kills = [], []
    try:
        for at, mode in enumerate(modes):
            began = time.monotonic()
            batch = calls_of(at, number // len(modes))
            workers = queue(server.port, batch)
            taken_in(batch, random.uniform(0.1, 0.4))
            backend.does(mode)
            for _ in range(kills_each):
                time.sleep(random.uniform(0.3, 1.2))
                server.kill()
                kills.append(time.monotonic())
                server.start()
            for worker in workers:
                worker.join()
            backend.does("well")
            calls += batch
            # A few minutes: it is probed, and what waited goes on.
            for _ in range(4):
                advance(server.port, 61)
            print(f"{mode}: {len(batch)} calls, {time.monotonic() - began:.0f} s", flush=True)
        outcomes_of(server, calls)
        problems = judge(backend, calls, kills)
    finally:
        server.kill()
        shutil.rmtree(data, ignore_errors=True)
    told = Counter(kind(call) for call in calls)
    twice = sum(1 for times in Counter(it["key"] for it in backend.log.lines if it["done"]).values() if times > 1)
    print(f"{len(calls)} calls over {len(modes)} outages with {len(kills)} kills: {dict(told)}; {twice} that are safe "
          f"were done twice; {backend.probes} probes, {backend.tokens} tokens; "
          f"{len(problems)} problems")
    for problem in problems[:20]:
        print("  ", problem)
    return not problems


def kind(call):
    code, message = call.outcome or (None, "lost")
    if message.startswith("Unknown."):
        return "unknown"
    return {"OK": "done", None: "lost"}.get(code, "refused" if "said of" in message else "not processed")


def outcomes_of(server, calls):
    """What became of each, once all have ended."""
    names = {call.name: "ConversationID" if call.number else "RequestID" for call in calls}
    by_name = defaultdict(list)
    for call in calls:
        by_name[call.name].append(call)
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=120)
    for _ in range(60):
        for name, those in list(by_name.items()):
            value = name if names[name] == "ConversationID" else those[0].request_id
            for result in results_of(connection, names[name], value):
                of = {call.request_id: call for call in those}.get(text_of("RequestID", result))
                if of:
                    of.outcome = (text_of("OverallStatusCode", result), text_of("StatusMessage", result) or "")
            if all(call.outcome for call in those):
                del by_name[name]
        if not by_name:
            return
        advance(server.port, 61)


def judge(backend, calls, kills):
    problems, unseen = [], 0
    lines = defaultdict(list)
    for place, line in enumerate(backend.log.lines):
        lines[line["key"]].append((place, line))
    for call in calls:
        arrived = [line for _, line in lines[call.key]]
        done = [line for line in arrived if line["done"]]
        what = kind(call)
        said = f"{call.key} ({what}): {[(line['mode'], line['done']) for line in arrived]}"
        if what == "lost":
            problems.append(f"{said}: it has no outcome")
        if len(done) > 1 and not call.safe:
            problems.append(f"{said}: done twice")
        if not all(is_refused(line) for line in arrived[:-1]) and not call.safe:
            problems.append(f"{said}: sent again")
        if what == "done" and not done:
            problems.append(f"{said}: it is said to be done")
        if what in ("refused", "not processed") and done:
            problems.append(f"{said}: it was done")
        if what == "unknown" and not was_cut(arrived, kills):
            unseen += 1
            if not may_be_unsent(call, arrived, kills):
                problems.append(f"{said}: nothing was in flight: {call.outcome[1]}")
    if unseen > IN_FLIGHT_MAX * len(kills):
        problems.append(f"{unseen} that were not sent are unknown")
    for name in {call.name for call in calls if call.number}:
        places = [place for part in (1, 2, 3) for place, line in lines[f"{name}-{part}"] if line["done"]]
        if places != sorted(places):
            problems.append(f"{name}: out of order")
    if not calls:
        problems.append("nothing was sent at all")
    return problems


def is_refused(line):
    """It was certainly not done, and whoever sent it was told so."""
    return line["mode"] in NOT_DONE and line["answered"] is not None


def was_cut(arrived, kills):
    """The last time that it came it met a mode in which nobody can know, was not answered, or not in time, or was in
    flight when the server was killed."""
    if not arrived:
        return False
    last = arrived[-1]
    if last["mode"] in NOBODY_KNOWS or last["answered"] is None or last["answered"] - last["at"] > TIMEOUT_S - 1:
        return True
    return any(-1.0 <= kill - last["at"] <= COMMITTED_WITHIN_S for kill in kills)


def may_be_unsent(call, arrived, kills):
    """The server was killed after it had committed that the call is begun, and before that was sent: here, and only
    here, no line of the backend's log says so."""
    since = arrived[-1]["answered"] if arrived else float("-inf")
    is_not_done = not arrived or is_refused(arrived[-1])
    return is_not_done and KILLED in call.outcome[1] and any(kill > since for kill in kills)


def throughput(binary, number):
    backend = Backend(free_port(), takes_s=0.3)
    server, data = start(binary, backend.port, concurrency=50, timeout=20)
    try:
        # All of them are there before the first goes out.
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
        post(connection, "/_local/maintenance?on=true")
        calls = [Call(f"t{at}", 0, False) for at in range(number)]
        for worker in queue(server.port, calls):
            worker.join()
        connection.close()  # the server closes one that was idle for a minute
        post(connection, "/_local/maintenance?on=false")
        until = time.monotonic() + 120
        while sum(1 for it in backend.log.lines if it["done"]) < number and time.monotonic() < until:
            time.sleep(0.1)
            advance(server.port, 1)
    finally:
        server.kill()
        shutil.rmtree(data, ignore_errors=True)
    times = sorted(it["at"] for it in backend.log.lines)
    # Without the first and the last tenth, in which it starts and ends.
    inner = times[len(times) // 10 : -len(times) // 10]
    rate = len(inner) / (inner[-1] - inner[0])
    most = max(sum(1 for other in times if 0 <= at - other < 0.3) for at in times)
    print(f"{len(times)} calls, {rate:.0f} a second, {most} in flight at most")
    # How quick it is, is shown; what is held against it is that each was sent once, so many at a time.
    return len(times) == number and most <= 50 + 2


def passed(binary, number):
    """Of our own: what a call takes through the server less what it takes at the backend."""
    backend = Backend(free_port())
    server, data = start(binary, backend.port, timeout=20)
    body = CALL.format(method="Create", priority="Medium", place="", objects=OBJECT.format(key="k"))
    body = body.replace("<QueuePriority>Medium</QueuePriority>", "").replace("<RequestType>Asynchronous</RequestType>", "")
    envelope = ENVELOPE.format(body=body)
    took = {}
    try:
        for name, port in (("backend", backend.port), ("server", server.port), ("backend again", backend.port)):
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
            times = []
            for _ in range(number):
                began = time.monotonic()
                status, answer = post(connection, "/Service.asmx", envelope, soapaction='"Create"')
                times.append(1000 * (time.monotonic() - began))
                if status != 200 or text_of("OverallStatus", answer) != "OK":
                    print(f"{name} answers {status}: {answer}")
                    return False
            took[name] = sorted(times)
            connection.close()
    finally:
        server.kill()
        shutil.rmtree(data, ignore_errors=True)
    middle, late = (lambda times: times[len(times) // 2]), (lambda times: times[len(times) * 95 // 100])
    own = middle(took["server"]) - min(middle(took["backend"]), middle(took["backend again"]))
    print(f"{number} passed calls: {own:.1f} ms of our own; through the server {middle(took['server']):.1f} ms, 95 % within "
          f"{late(took['server']):.1f} ms, at the backend {middle(took['backend']):.1f} ms")
    # How quick it is, is shown; what is held against it is that each was passed on once.
    return len(backend.log.lines) == 3 * number


def ends_by(seconds):
    """Whatever hangs, this ends, and the servers with it."""

    def late():
        print("took too long", flush=True)
        for process in Server.started:
            process.kill()
        signal.raise_signal(signal.SIGKILL)

    timer = threading.Timer(seconds, late)
    timer.daemon = True
    timer.start()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("binary")
    parser.add_argument("--calls", type=int, default=10_000)
    parser.add_argument("--kills-each", type=int, default=2)
    parser.add_argument("--seconds", type=int, default=900)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--aftercall", help="the operator's command, if it does not lie beside the server")
    parser.add_argument("--throughput", action="store_true")
    parser.add_argument("--passed", action="store_true")
    arguments = parser.parse_args()
    random.seed(arguments.seed)
    # An outage is said of each call that meets it.
    os.environ.setdefault("RUST_LOG", "error")
    ends_by(arguments.seconds)
    if arguments.throughput:
        good = throughput(arguments.binary, arguments.calls)
    elif arguments.passed:
        good = passed(arguments.binary, arguments.calls)
    else:
        aftercall = arguments.aftercall or str(Path(arguments.binary).with_name("aftercall"))
        good = outages(arguments.binary, arguments.calls, arguments.kills_each, aftercall)
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
