"""A quiet account beside a hostile one, in real time against the server: how long calls, first replies,
second attempts, mails and deferred calls take alone and with each neighbour, and how many replies are doubled.

`neighbours.py --target target [--short] [--port 18130] [--doubles 20000]`. Prints the neighbour table
and writes it as JSON beside what was built. Fails when something was lost or doubled, or when a part
takes longer than its bound, by which a server that hangs is found; never for a time that is measured:
one beyond the promise (median at most twice or 100 ms longer, p99 at most 2 s longer) is marked with
`!`.
"""

import argparse
import collections
import datetime
import hashlib
import http.client
import http.server
import json
import os
import re
import statistics
import subprocess
import sys
import threading
import time
from pathlib import Path

NAMESPACE = "http://exacttarget.com/wsdl/partnerAPI"
SECURITY = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
DEFINITION = (
    '<Objects xsi:type="TriggeredSendDefinition"><CustomerKey>welcome</CustomerKey>'
    "<TriggeredSendStatus>Active</TriggeredSendStatus><Email><Subject>Welcome</Subject>"
    "<TextBody>Welcome.</TextBody></Email><FromName>The Shop</FromName>"
    "<FromAddress>shop@example.com</FromAddress></Objects>"
)
KINDS = ("calls", "first replies", "second attempts", "mails", "deferred calls")

# How far ahead a deferred call's time is; its time is counted from then.
DEFERRED_S = 5

# Calls a second of a neighbour whose calls are to do harm by their number: within what an account may send.
FLOOD_PER_SECOND = 90

# What each neighbour's receiver does, and how many SendResponseTo each of its calls has.
NEIGHBOURS = {
    "alone": (None, 1),
    "hangs": ("wait/60000", 1),
    "answers after 14 s": ("wait/14000", 1),
    "answers after 0.9 s": ("wait/900", 1),
    "ten each after 0.6 s": ("wait/600", 10),
    "closes": ("close", 1),
    "answers 503": ("status/503", 1),
    "fifty hosts hang": ("wait/60000", 1),
    "floods": ("none", 0),
}


# Exit status of a part that did not end in time.
OUT_OF_TIME = 3


def bound_of_rounds(rounds):
    """Seconds that a neighbour's part takes at most: half a second a round and a tenth for each of its
    calls, ten times over for a machine that does other things, and a minute to begin and to end."""
    return 60 + 9 * rounds


def bound_of_doubles(calls):
    """As long as `doubles` waits itself, with a minute to begin and to end."""
    return 60 + calls / 250 + 120 + calls / 50 + 90 + 60


class Bound:
    """Ends the whole measurement, and the server with it, when its block takes longer."""

    def __init__(self, name, seconds):
        self.name, self.seconds = name, seconds
        self.timer = threading.Timer(seconds, self.over)
        self.timer.daemon = True

    def over(self):
        print(f"{self.name}: not done within {self.seconds:.0f} s, given up", file=sys.stderr, flush=True)
        for server in Server.running:
            server.process.kill()
        os._exit(OUT_OF_TIME)

    def __enter__(self):
        self.timer.start()

    def __exit__(self, *_):
        self.timer.cancel()


class Receiver(http.server.BaseHTTPRequestHandler):
    """What each path answers: `/ok`, `/busy` (503 at first), `/wait/MS`, `/close`, `/status/N`."""

    protocol_version = "HTTP/1.1"
    posted = collections.defaultdict(list)
    taken = collections.Counter()
    lock = threading.Lock()

    def do_POST(self):
        at = time.time()
        body = self.rfile.read(int(self.headers.get("content-length", 0))).decode()
        request = re.search(r"RequestID=([^&]*)", body)
        message = self.headers.get("webhook-id", "")
        with self.lock:
            first = not self.posted[message]
            self.posted[message].append((at, request[1] if request else ""))
        _, what, *rest = self.path.split("/")
        if what == "close":
            self.close_connection = True
            return
        status = 200
        if what == "wait":
            time.sleep(int(rest[0]) / 1000)
        elif what == "status":
            status = int(rest[0])
        elif what == "busy" and first:
            status = 503
        if status == 200 and what != "wait":
            with self.lock:
                self.taken[message] += 1
        try:
            self.send_response(status)
            self.send_header("content-length", "0")
            self.end_headers()
        except OSError:
            pass

    def log_message(self, *_):
        pass


class Receivers(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 512

    def handle_error(self, *_):
        pass  # whoever has timed out is gone


def escaped(text):
    return text.replace("&", "&amp;").replace("<", "&lt;")


def subscriber(key):
    return f'<Objects xsi:type="Subscriber"><EmailAddress>{key}@example.com</EmailAddress><SubscriberKey>{key}</SubscriberKey></Objects>'


def send_to(key):
    return (
        '<Objects xsi:type="TriggeredSend"><TriggeredSendDefinition><CustomerKey>welcome</CustomerKey>'
        f"</TriggeredSendDefinition><Subscribers><EmailAddress>{key}@example.com</EmailAddress>"
        f"<SubscriberKey>{key}</SubscriberKey></Subscribers></Objects>"
    )


class Refused(Exception):
    """The server does not take the call."""


class Caller:
    def __init__(self, port, user, password):
        self.port, self.user, self.password = port, user, password
        self.connection = None

    def post(self, payload):
        envelope = (
            '<?xml version="1.0"?><soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/" '
            'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><soap:Header>'
            f'<wsse:Security xmlns:wsse="{SECURITY}"><wsse:UsernameToken><wsse:Username>{self.user}</wsse:Username>'
            f"<wsse:Password>{self.password}</wsse:Password></wsse:UsernameToken></wsse:Security></soap:Header>"
            f"<soap:Body>{payload}</soap:Body></soap:Envelope>"
        )
        for tried in range(2):
            if self.connection is None:
                self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
            try:
                self.connection.request("POST", "/Service.asmx", envelope, {"content-type": "text/xml; charset=utf-8"})
                return self.connection.getresponse().read().decode()
            except (http.client.HTTPException, OSError):
                self.connection = None
                if tried:
                    raise
        return ""

    def create(self, objects, to=(), asynchronous=True, options=""):
        told = "".join(
            f"<SendResponseTo><ResponseType>HTTPPost</ResponseType><ResponseAddress>{escaped(address)}</ResponseAddress></SendResponseTo>"
            for address in to
        )
        kind = "<RequestType>Asynchronous</RequestType>" if asynchronous else ""
        # The order of the Options in the WSDL.
        scheduled, priority = (options + "|").split("|")[:2]
        answer = self.post(
            f'<CreateRequest xmlns="{NAMESPACE}"><Options>{told}{scheduled}{kind}{priority}</Options>{objects}</CreateRequest>'
        )
        if "<OverallStatus>OK</OverallStatus>" not in answer:
            raise Refused(answer[:1000])
        return re.search(r"<RequestID>([^<]*)", answer)[1]

    def ended(self, request):
        answer = self.post(
            f'<RetrieveRequestMsg xmlns="{NAMESPACE}"><RetrieveRequest><ObjectType>AsyncRequestResult</ObjectType>'
            '<Properties>CompleteDate</Properties><Filter xsi:type="SimpleFilterPart"><Property>RequestID</Property>'
            f"<SimpleOperator>equals</SimpleOperator><Value>{request}</Value></Filter></RetrieveRequest></RetrieveRequestMsg>"
        )
        found = re.search(r"<CompleteDate>([^<]*)", answer)
        return found and seconds(found[1])


def seconds(text):
    """Of a time with any number of digits behind the point."""
    text = re.sub(r"(\.\d{1,6})\d*", r"\1", text.replace("Z", "+00:00"))
    return datetime.datetime.fromisoformat(text).timestamp()


class Server:
    running = set()

    def __init__(self, binary, port):
        self.port = port
        self.process = subprocess.Popen(
            [binary, "--listen", f"127.0.0.1:{port}"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        self.running.add(self)
        if not self.process.stdout.readline().startswith("listening on"):
            raise SystemExit("the server does not start")

    def local(self, path, method="GET"):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        connection.request(method, path)
        return json.loads(connection.getresponse().read())

    def put(self, item):
        """A record of the accounts table, over the AWS wire."""
        body = json.dumps({"TableName": "aftercall-accounts", "Item": {name: {"S": text} for name, text in item.items()}})
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        headers = {
            "x-amz-target": "DynamoDB_20120810.PutItem",
            "content-type": "application/x-amz-json-1.0",
            "authorization": "AWS4-HMAC-SHA256 Credential=LOCAL/20260101/us-east-1/dynamodb/aws4_request, SignedHeaders=host, Signature=0",
        }
        connection.request("POST", "/", body, headers)
        answer = connection.getresponse()
        if answer.status != 200:
            raise SystemExit(f"no account: {answer.read()[:500]}")

    def account(self, name):
        """One with a user and password of its name."""
        def hashed(*parts):
            return hashlib.sha256("".join(f"{len(part)} {part}" for part in parts).encode()).hexdigest()

        secret = "whsec_bG9jYWwtd2ViaG9vay1zZWNyZXQtMDAwMDAwMDAwMDAw"
        self.put({"pk": f"ACCOUNT#{name}", "sk": "ACCOUNT", "name": name, "webhook_secret": secret, "async_by_default": "false", "owns": "[]"})
        self.put({"pk": hashed("USER", name), "sk": "USER", "name": name, "secret_hash": hashed("USER", name, name), "account": name, "async_by_default": "false"})
        return Caller(self.port, name, name)

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(30)
        self.running.discard(self)


def flood(caller, receivers, neighbour, rounds, at_once, stop):
    what, each = NEIGHBOURS[neighbour]
    floods = each == 0
    per_second = FLOOD_PER_SECOND if floods else 30 if each > 1 else 10
    number = 0

    def call():
        nonlocal number
        host = f"127.0.0.{2 + number % 50}" if neighbour == "fifty hosts hang" else "127.0.0.2"
        caller.create(subscriber(f"neighbour{number}"), [f"http://{host}:{receivers}/{what}"] * each)
        number += 1

    for _ in range(0 if floods else at_once):
        call()
    while not stop.is_set():
        began = time.time()
        for _ in range(per_second):
            try:
                call()
            except Refused:
                if not floods:
                    raise
                stop.wait(0.1)  # it may send no more at present
        stop.wait(max(0.0, 1 - (time.time() - began)))


def measure(binary, port, receivers, neighbour, rounds, at_once):
    """One server, on which nobody has called before."""
    Receiver.posted.clear()
    Receiver.taken.clear()
    server = Server(binary, port)
    stop = threading.Event()
    flooding = None
    try:
        quiet, hostile = server.account("quiet"), server.account("hostile")
        quiet.create(DEFINITION, asynchronous=False)
        if NEIGHBOURS[neighbour][0]:
            flooding = threading.Thread(target=flood, args=(hostile, receivers, neighbour, rounds, at_once, stop), daemon=True)
            flooding.start()
            time.sleep(1)
        sent = collections.defaultdict(list)
        for number in range(rounds):
            due = int(time.time()) + DEFERRED_S
            deferred = f"<ScheduledTime>{datetime.datetime.fromtimestamp(due, datetime.timezone.utc):%Y-%m-%dT%H:%M:%SZ}</ScheduledTime>"
            for kind, objects, to, options in (
                ("calls", subscriber(f"call{number}"), [], ""),
                ("first replies", subscriber(f"told{number}"), [f"http://127.0.0.1:{receivers}/ok"], ""),
                ("second attempts", subscriber(f"again{number}"), [f"http://127.0.0.1:{receivers}/busy"], ""),
                ("mails", send_to(f"mail{number}"), [], ""),
                ("deferred calls", subscriber(f"later{number}"), [], deferred),
            ):
                at = due if kind == "deferred calls" else time.time()
                request = quiet.create(objects, to, options=options)
                sent[kind].append((f"mail{number}@example.com" if kind == "mails" else request, at))
            time.sleep(0.5)
        stop.set()
        time.sleep(9)
        return took(server, quiet, sent)
    finally:
        stop.set()
        if flooding:
            flooding.join(30)
        server.stop()


def took(server, quiet, sent):
    told = collections.defaultdict(list)
    for attempts in list(Receiver.posted.values()):
        for at, request in attempts:
            told[request].append(at)
    mails = {to: seconds(mail["at"]) for mail in server.local("/_local/mails") for to in mail["to"]}
    times = collections.defaultdict(list)
    lost = []
    for kind, all_sent in sent.items():
        for what, at in all_sent:
            if kind in ("calls", "deferred calls"):
                end = quiet.ended(what)
            elif kind == "mails":
                end = mails.get(what)
            else:
                attempts = sorted(told[what])
                wanted = 0 if kind == "first replies" else 1
                end = attempts[wanted] if len(attempts) > wanted else None
            if end is None:
                lost.append(f"{kind} {what}")
            else:
                times[kind].append(end - at)
    doubled = [message for message, times_taken in Receiver.taken.items() if times_taken > 1]
    return times, lost, doubled


def figures(times):
    times = sorted(times)
    return [statistics.median(times), times[min(len(times) - 1, int(len(times) * 0.99))], times[-1]]


def doubles(binary, port, receivers, calls):
    """So many Low calls, due at one instant: how many are told of twice."""
    Receiver.posted.clear()
    Receiver.taken.clear()
    server = Server(binary, port)
    try:
        # As long as it takes to send them, with room.
        due = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=60 + calls / 250)
        options = f"<ScheduledTime>{due:%Y-%m-%dT%H:%M:%SZ}</ScheduledTime>|<QueuePriority>Low</QueuePriority>"

        def send(first):
            caller = Caller(port, "local", "local")
            for number in range(first, calls, 8):
                caller.create(subscriber(f"person{number}"), [f"http://127.0.0.1:{receivers}/ok"], options=options)

        senders = [threading.Thread(target=send, args=(first,)) for first in range(8)]
        for sender in senders:
            sender.start()
        for sender in senders:
            sender.join()
        until = due.timestamp() + 120 + calls / 50
        while len(Receiver.taken) < calls and time.time() < until:
            time.sleep(1)
        ended = time.time() - due.timestamp()
        # Past the timekeeper's next looks at whatever it may have thought undone.
        time.sleep(90)
        twice = sum(times - 1 for times in Receiver.taken.values())
        return {"calls": calls, "told": len(Receiver.taken), "doubled": twice, "seconds": round(ended, 1)}
    finally:
        server.stop()


def table(found):
    alone = found["alone"]
    for kind in KINDS:
        print(f"\n{kind:32}{'median':>10}{'p99':>10}{'max':>10}")
        for neighbour, by_kind in found.items():
            median, p99, longest = by_kind[kind]
            late = median > max(2 * alone[kind][0], alone[kind][0] + 0.1) or p99 > alone[kind][1] + 2
            print(f"  {neighbour:30}{median:9.3f}s{p99:9.3f}s{longest:9.3f}s{' !' if late else ''}")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--target", type=Path, default=Path("target"))
    parser.add_argument("--binary", type=Path)
    parser.add_argument("--port", type=int, default=18130)
    parser.add_argument("--short", action="store_true")
    parser.add_argument("--only", help="some of: " + ", ".join(NEIGHBOURS))
    parser.add_argument("--doubles", type=int)
    arguments = parser.parse_args()
    binary = arguments.binary or arguments.target / "release/local"
    rounds, at_once = (10, 50) if arguments.short else (60, 300)
    port = 0
    for host in range(1, 52):
        receivers = Receivers((f"127.0.0.{host}", port), Receiver)
        threading.Thread(target=receivers.serve_forever, daemon=True).start()
        port = receivers.server_address[1]
    found, problems = {}, []
    everything = ("alone", "hangs", "ten each after 0.6 s", "floods") if arguments.short else NEIGHBOURS
    for neighbour in arguments.only.split(",") if arguments.only else everything:
        with Bound(neighbour, bound_of_rounds(rounds)):
            times, lost, doubled = measure(binary, arguments.port, port, neighbour, rounds, at_once)
        problems += [f"{neighbour}: lost {one}" for one in lost] + [f"{neighbour}: doubled {one}" for one in doubled]
        found[neighbour] = {kind: figures(times[kind] or [0.0]) for kind in KINDS}
        print(f"{neighbour}: {len(lost)} lost, {len(doubled)} doubled", flush=True)
    if "alone" in found:
        table(found)
    calls = arguments.doubles if arguments.doubles is not None else 0 if arguments.short else 20_000
    twice = {}
    if calls:
        with Bound(f"{calls} calls due at one instant", bound_of_doubles(calls)):
            twice = doubles(binary, arguments.port, port, calls)
    if twice:
        print(f"\n{twice['calls']} calls due at one instant: {twice['told']} told within {twice['seconds']} s, {twice['doubled']} doubled")
        if twice["doubled"] or twice["told"] != twice["calls"]:
            problems.append(f"due at one instant: {twice}")
    folder = arguments.target / "bench"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "neighbours.json").write_text(json.dumps({"seconds": found, "doubles": twice}, indent=1))
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
