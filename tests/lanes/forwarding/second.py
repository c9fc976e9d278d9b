"""Forwards calls to a second Aftercall through ten outages of it - killed, stopped, in maintenance - kills the
first at random, and counts by the second one's own rows: nothing lost, nothing done twice, order kept, and
unknown only what was in flight.

Each call adds a row to a data extension without a primary key: done twice, there are two. And it adds an object
under its own key, in the same transaction: the file of the second one's tables numbers its records in the order in
which they were written, which is the order that is judged.
"""

import argparse
import http.client
import os
import random
import re
import shutil
import signal
import sqlite3
import sys
import tempfile
import time
from collections import Counter, defaultdict
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "kill"))
from kill import ENVELOPE, Server, free_port, post, text_of  # noqa: E402

from forwarding import IN_FLIGHT_MAX, PLACE, PRIORITIES, TIMEOUT_S, Call, advance, calls_of, ends_by, kind, \
    outcomes_of, queue, taken_in  # noqa: E402

OUTAGES = ["killed"] * 4 + ["stopped"] * 3 + ["in maintenance"] * 3

NAMESPACE = 'xmlns="http://exacttarget.com/wsdl/partnerAPI"'
EXTENSION = f"""<CreateRequest {NAMESPACE}><Objects xsi:type="DataExtension"><CustomerKey>rows</CustomerKey><Name>rows</Name>\
<Fields><Field><Name>Call</Name><FieldType>Text</FieldType><MaxLength>60</MaxLength></Field></Fields></Objects></CreateRequest>"""
ROW = f"""<CreateRequest {NAMESPACE}><Options>{{priority}}{{place}}<RequestType>Asynchronous</RequestType></Options>\
<Objects xsi:type="DataExtensionObject"><CustomerKey>rows</CustomerKey><Properties><Property><Name>Call</Name>\
<Value>{{key}}</Value></Property></Properties></Objects>\
<Objects xsi:type="Portfolio"><CustomerKey>{{key}}</CustomerKey></Objects></CreateRequest>"""
ALL_ROWS = f"""<RetrieveRequestMsg {NAMESPACE}><RetrieveRequest>{{more}}</RetrieveRequest></RetrieveRequestMsg>"""
FIRST_PAGE = """<ObjectType>DataExtensionObject[rows]</ObjectType><Properties>Call</Properties>"""
VALUE = re.compile(r"<Name>Call</Name><Value>([^<]*)</Value>")
# Numbers only grow, since none of these records is ever written again or deleted.
WRITTEN = """SELECT sk FROM "aftercall-objects" WHERE pk = 'S:local#Portfolio' ORDER BY rowid"""


def row_of(call):
    """What a call of the lane sends here: a row that says which call it was."""
    place = PLACE.format(name=call.name, number=call.number) if call.number else ""
    priority = f"<QueuePriority>{PRIORITIES[hash(call.name) % 3]}</QueuePriority>"
    return ENVELOPE.format(body=ROW.format(priority=priority, place=place, key=call.key))


class RowCall(Call):
    def envelope(self):
        return row_of(self)


class Second:
    """The other Aftercall, as a backend that is out of service now and then."""

    def __init__(self, binary):
        self.data = tempfile.mkdtemp(prefix="aftercall-second-")
        self.server = Server(binary, self.data, free_port())
        self.server.start()
        status, answer = self.post("/Service.asmx", ENVELOPE.format(body=EXTENSION))
        if status != 200 or text_of("OverallStatus", answer) != "OK":
            raise SystemExit(f"no data extension: {answer}")

    def post(self, path, body=""):
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=60)
        try:
            return post(connection, path, body)
        finally:
            connection.close()

    def begin(self, outage):
        if outage == "killed":
            self.server.kill()
        elif outage == "stopped":
            self.server.process.send_signal(signal.SIGSTOP)
        else:
            self.post("/_local/maintenance?on=true")

    def end(self, outage):
        if outage == "killed":
            self.server.start()
        elif outage == "stopped":
            self.server.process.send_signal(signal.SIGCONT)
        else:
            self.post("/_local/maintenance?on=false")

    def rows(self):
        """How many rows each call has made."""
        done, more = Counter(), FIRST_PAGE
        while more:
            status, answer = self.post("/Service.asmx", ENVELOPE.format(body=ALL_ROWS.format(more=more)))
            if status != 200:
                raise SystemExit(f"no rows: {answer}")
            done.update(VALUE.findall(answer))
            continues = text_of("OverallStatus", answer) == "MoreDataAvailable"
            more = f"<ContinueRequest>{text_of('RequestID', answer)}</ContinueRequest>" if continues else None
        return done

    def written(self):
        """The calls in the order in which they were carried out. Ends the server."""
        self.server.kill()
        tables = sqlite3.connect(Path(self.data) / "tables.sqlite")
        try:
            return [sk.removeprefix("S:") for (sk,) in tables.execute(WRITTEN)]
        finally:
            tables.close()

    def close(self):
        if self.server.process.poll() is None:
            self.server.process.send_signal(signal.SIGCONT)
            self.server.kill()
        shutil.rmtree(self.data, ignore_errors=True)


def through_outages(binary, number, kills_each):
    second = Second(binary)
    data = tempfile.mkdtemp(prefix="aftercall-first-")
    first = Server(binary, data, free_port())
    first.arguments += [
        "--backend", f"http://127.0.0.1:{second.server.port}", "--backend-user", "local", "--backend-password", "local",
        "--backend-timeout", str(TIMEOUT_S), "--backend-concurrency", "50",
    ]
    first.start()
    outages = OUTAGES[:]
    random.shuffle(outages)
    calls, kills = [], 0
    try:
        for at, outage in enumerate(outages):
            began = time.monotonic()
            batch = [RowCall(call.name, call.number, False) for call in calls_of(at, number // len(outages))]
            workers = queue(first.port, batch)
            taken_in(batch, random.uniform(0.1, 0.4))
            second.begin(outage)
            for _ in range(kills_each):
                time.sleep(random.uniform(0.3, 1.2))
                first.kill()
                kills += 1
                first.start()
            # Whoever was stopped in the middle of a call answers it too late.
            time.sleep(TIMEOUT_S + 0.5)
            second.end(outage)
            for worker in workers:
                worker.join()
            calls += batch
            for _ in range(4):
                advance(first.port, 61)
            print(f"{outage}: {len(batch)} calls, {time.monotonic() - began:.0f} s", flush=True)
        outcomes_of(first, calls)
        problems = judge(calls, second.rows(), second.written(), kills + len(outages))
    finally:
        first.kill()
        second.close()
        shutil.rmtree(data, ignore_errors=True)
    told = Counter(kind(call) for call in calls)
    print(f"{len(calls)} calls over {len(outages)} outages of a second Aftercall with {kills} kills of the first: "
          f"{dict(told)}; {len(problems)} problems")
    for problem in problems[:20]:
        print("  ", problem)
    return not problems


def judge(calls, rows, written, cuts):
    problems = []
    for call in calls:
        what, done = kind(call), rows[call.key]
        said = f"{call.key} ({what}): {done} rows"
        if what == "lost":
            problems.append(f"{said}: it has no outcome")
        if done > 1:
            problems.append(f"{said}: done twice")
        if what == "done" and done == 0:
            problems.append(f"{said}: it is said to be done")
        if what in ("refused", "not processed") and done:
            problems.append(f"{said}: it was done")
        if what == "refused":
            problems.append(f"{said}: {call.outcome}")
    unknown = sum(1 for call in calls if kind(call) == "unknown")
    if unknown > IN_FLIGHT_MAX * cuts:
        problems.append(f"{unknown} are unknown, which is more than can have been in flight")
    places = {key: place for place, key in enumerate(written)}
    if set(places) != set(rows):
        problems.append(f"of these either the row or the object is missing: {sorted(set(places) ^ set(rows))[:5]}")
    for name in {call.name for call in calls if call.number}:
        parts = [places.get(f"{name}-{part}") for part in (1, 2, 3)]
        made = [place for place in parts if place is not None]
        # What comes behind a part that was not done is not done either.
        if made != sorted(made) or parts[: len(made)] != made:
            problems.append(f"{name}: out of order: {parts}")
    strangers = set(rows) - {call.key for call in calls}
    if strangers:
        problems.append(f"rows of nobody: {sorted(strangers)[:5]}")
    if not calls or not rows:
        problems.append("nothing was sent at all")
    return problems


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("binary")
    parser.add_argument("--calls", type=int, default=10_000)
    parser.add_argument("--kills-each", type=int, default=2)
    parser.add_argument("--seconds", type=int, default=1_200)
    parser.add_argument("--seed", type=int, default=None)
    arguments = parser.parse_args()
    random.seed(arguments.seed)
    os.environ.setdefault("RUST_LOG", "error")
    ends_by(arguments.seconds)
    sys.exit(0 if through_outages(arguments.binary, arguments.calls, arguments.kills_each) else 1)


if __name__ == "__main__":
    main()
