"""Kills the local server under load from 32 connections, and judges what it had answered.

Each conversation has three calls: create a subscriber, update it, update it again. Its parts are
sent in any order by different connections; a part that is not answered is sent again. The second
and third only work after the first, and the first works only once: whatever is lost, doubled or
reordered shows in the outcomes. Beside them come calls outside any conversation, known again by
their Idempotency-Key.
"""

import argparse
import http.client
import http.server
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
from collections import Counter, defaultdict

CONNECTIONS = 32
# Counted in answers rather than seconds, so that a kill meets work on a slow machine too.
ANSWERS_BETWEEN_KILLS = 120
# The place of a call outside any conversation.
ALONE = 0
SECONDS_BETWEEN_KILLS_MAX = 20.0
SECONDS_MAX = 600

ENVELOPE = """<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" \
xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><s:Header><w:Security \
xmlns:w="http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd">\
<w:UsernameToken><w:Username>local</w:Username><w:Password>local</w:Password></w:UsernameToken>\
</w:Security></s:Header><s:Body>{body}</s:Body></s:Envelope>"""

PART = """<{method}Request xmlns="http://exacttarget.com/wsdl/partnerAPI"><Options>\
<SendResponseTo><ResponseType>HTTPPost</ResponseType><ResponseAddress>{callback}</ResponseAddress>\
<RespondWhen>OnCallComplete</RespondWhen></SendResponseTo>\
{place}<RequestType>Asynchronous</RequestType></Options>\
<Objects xsi:type="Subscriber"><EmailAddress>{conversation}@example.com</EmailAddress>\
<Attributes><Name>Step</Name><Value>{sequence}</Value></Attributes>\
<SubscriberKey>{conversation}</SubscriberKey></Objects></{method}Request>"""

PLACE = """<ConversationID>{conversation}</ConversationID><SequenceCode>{sequence}</SequenceCode>\
<CallsInConversation>3</CallsInConversation>"""

RETRIEVE = """<RetrieveRequestMsg xmlns="http://exacttarget.com/wsdl/partnerAPI"><RetrieveRequest>\
<ObjectType>{kind}</ObjectType>{properties}<Filter xsi:type="SimpleFilterPart">\
<Property>{property}</Property><SimpleOperator>equals</SimpleOperator><Value>{value}</Value>\
</Filter></RetrieveRequest></RetrieveRequestMsg>"""


class Receiver(http.server.BaseHTTPRequestHandler):
    """Takes callbacks and keeps them by RequestID."""

    protocol_version = "HTTP/1.1"
    callbacks = defaultdict(list)
    order = defaultdict(list)
    lock = threading.Lock()

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"])).decode()
        fields = dict(urllib.parse.parse_qsl(body, keep_blank_values=True))
        with self.lock:
            self.callbacks[fields["RequestID"]].append(self.headers["webhook-id"])
            if fields["SequenceCode"] not in self.order[fields["ConversationID"]]:
                self.order[fields["ConversationID"]].append(fields["SequenceCode"])
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *args):
        pass


class Receivers(http.server.ThreadingHTTPServer):
    """A killed server leaves its connections to us torn: that is what this is about."""

    def handle_error(self, request, client_address):
        pass


class Server:
    """The local server: started, killed, started again."""

    started = []

    def __init__(self, binary, data, port):
        self.arguments = [binary, "--listen", f"127.0.0.1:{port}", "--data", data]
        self.port = port
        self.process = None

    def start(self):
        self.process = subprocess.Popen(self.arguments, stdout=subprocess.PIPE, text=True)
        self.started.append(self.process)
        line = self.process.stdout.readline()
        if not line.startswith("listening on "):
            raise SystemExit(f"the server did not start: {line!r}")

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def post(connection, path, body="", **headers):
    connection.request("POST", path, body, {"content-type": "text/xml; charset=utf-8", **headers})
    answer = connection.getresponse()
    return answer.status, answer.read().decode()


def text_of(element, answer):
    found = re.search(f"<{element}>([^<]*)</{element}>", answer)
    return found.group(1) if found else None


class Load:
    """Conversations on their way: parts to be sent, and what was answered."""

    def __init__(self, callback):
        self.callback = callback
        self.parts = []
        self.answered = {}
        self.again = Counter()
        self.lock = threading.Lock()
        self.conversations = 0
        self.sending = True
        self.surprises = []

    def next_part(self):
        with self.lock:
            if not self.parts:
                if not self.sending:
                    return None
                # Several conversations at a time, so that connections meet in none for long.
                names = [f"c{self.conversations + number}" for number in range(16)]
                self.conversations += len(names)
                self.parts = [(name, sequence) for name in names for sequence in (1, 2, 3)]
                self.parts += [(f"alone-{name}", ALONE) for name in names]
                random.shuffle(self.parts)
            return self.parts.pop()

    def work(self, port):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        while (part := self.next_part()) is not None:
            while not self.send(connection, part):
                self.again[part] += 1
                connection.close()
                time.sleep(0.05)
        connection.close()

    def answers_more(self, number):
        """Comes back when so many more calls were answered, or it has taken too long."""
        enough = len(self.answered) + number
        until = time.monotonic() + SECONDS_BETWEEN_KILLS_MAX
        while len(self.answered) < enough and time.monotonic() < until:
            time.sleep(0.01)

    def send(self, connection, part):
        conversation, sequence = part
        method = "Create" if sequence in (ALONE, 1) else "Update"
        place, headers = PLACE.format(conversation=conversation, sequence=sequence), {}
        if sequence == ALONE:
            place, headers = "", {"idempotency-key": conversation}
        body = PART.format(
            method=method, conversation=conversation, sequence=sequence, place=place, callback=self.callback
        )
        try:
            status, answer = post(connection, "/Service.asmx", ENVELOPE.format(body=body), **headers)
        except (OSError, http.client.HTTPException):
            return False
        if status != 200:
            return False
        if text_of("OverallStatus", answer) != "OK":
            self.surprises.append(f"{part} was refused: {text_of('StatusMessage', answer)}")
        with self.lock:
            self.answered[part] = text_of("RequestID", answer)
        return True


def run(binary, kills):
    data = tempfile.mkdtemp(prefix="aftercall-kill-")
    receiver = Receivers(("127.0.0.1", 0), Receiver)
    threading.Thread(target=receiver.serve_forever, daemon=True).start()
    server = Server(binary, data, free_port())
    server.start()
    load = Load(f"http://127.0.0.1:{receiver.server_port}/cb")
    workers = [threading.Thread(target=load.work, args=(server.port,)) for _ in range(CONNECTIONS)]
    try:
        for worker in workers:
            worker.start()
        for _ in range(kills):
            load.answers_more(int(ANSWERS_BETWEEN_KILLS * random.uniform(0.2, 1.8)))
            server.kill()
            server.start()
        load.sending = False
        for worker in workers:
            worker.join(60)
        problems = judge(server, load)
    finally:
        server.kill()
        receiver.shutdown()
        shutil.rmtree(data, ignore_errors=True)
    resent = sum(load.again.values())
    print(f"{kills} kills, {load.conversations} conversations, as many calls alone, {len(load.answered)} calls answered, "
          f"{resent} sent again, {len(problems)} problems")
    for problem in problems[:20]:
        print("  ", problem)
    return not problems


def judge(server, load):
    problems = list(load.surprises)
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=120)
    # Whatever a kill has left behind is found by the timekeeper.
    for _ in range(4):
        post(connection, "/_local/clock/advance?seconds=400")
    by_conversation = defaultdict(dict)
    for (conversation, sequence), request_id in load.answered.items():
        by_conversation[conversation][sequence] = request_id
    for conversation, calls in by_conversation.items():
        if ALONE in calls:
            problems += judge_alone(connection, conversation, calls[ALONE])
        else:
            problems += judge_one(connection, conversation, calls)
    for request_id in load.answered.values():
        ids = set(Receiver.callbacks.get(request_id, []))
        if len(ids) != 1:
            problems.append(f"{request_id}: {len(ids)} different webhook-ids were received")
    if not load.answered:
        problems.append("nothing was answered at all")
    return problems


def results_of(connection, name, value):
    properties = "".join(
        f"<Properties>{name}</Properties>"
        for name in ("RequestID", "OverallStatusCode", "StatusMessage", "SequenceCode")
    )
    body = RETRIEVE.format(kind="ResultMessage", properties=properties, property=name, value=value)
    _, answer = post(connection, "/Service.asmx", ENVELOPE.format(body=body))
    return re.findall(r"<Results\b.*?</Results>", answer)


def judge_alone(connection, name, request_id):
    """It created a subscriber, which it could do only once."""
    ended = [
        text_of("StatusMessage", result) or text_of("OverallStatusCode", result)
        for result in results_of(connection, "RequestID", request_id)
    ]
    return [] if ended == ["OK"] else [f"{name}, answered as {request_id}: ended as {ended}"]


def judge_one(connection, conversation, calls):
    results = results_of(connection, "ConversationID", conversation)
    problems = []
    if len(calls) == 3 and len(results) != 3:
        problems.append(f"{conversation}: 3 calls were answered, {len(results)} have ended")
    for result in results:
        sequence = int(text_of("SequenceCode", result))
        if text_of("OverallStatusCode", result) != "OK":
            problems.append(f"{conversation}/{sequence}: {text_of('StatusMessage', result)}")
        if calls.get(sequence) not in (None, text_of("RequestID", result)):
            problems.append(f"{conversation}/{sequence}: answered with another RequestID")
    order = Receiver.order.get(conversation, [])
    if len(calls) == 3 and len(order) != 3:
        problems.append(f"{conversation}: callbacks for {order} only")
    body = RETRIEVE.format(
        kind="Subscriber",
        properties="<Properties>SubscriberKey</Properties><Properties>Attributes</Properties>",
        property="SubscriberKey",
        value=conversation,
    )
    _, answer = post(connection, "/Service.asmx", ENVELOPE.format(body=body))
    if len(calls) == 3 and text_of("Value", answer) != "3":
        problems.append(f"{conversation}: the last update is not the third: {text_of('Value', answer)}")
    return problems


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("binary")
    parser.add_argument("--kills", type=int, default=20)
    arguments = parser.parse_args()
    # Whatever hangs, this ends.
    timer = threading.Timer(SECONDS_MAX, lambda: (print("took too long"), sys.stdout.flush(), signal.raise_signal(signal.SIGKILL)))
    timer.daemon = True
    timer.start()
    sys.exit(0 if run(arguments.binary, arguments.kills) else 1)


if __name__ == "__main__":
    main()
