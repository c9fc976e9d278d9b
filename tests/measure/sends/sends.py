"""A send to very many people of a list, and an extract of very many calls, on a local server.

Usage: sends.py PROGRAM PEOPLE CALLS. Prints how long ordering and sending take, how long triggered mails that are
ordered meanwhile wait, how long the extract takes, and the most memory of the process: the whole local server, which
keeps each mail that it has sent. Fails if a mail or a call is lost or doubled, or a triggered mail waits for long.
"""

import calendar
import concurrent.futures
import csv
import io
import json
import re
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

ENVELOPE = """<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
<s:Header><w:Security xmlns:w="http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd">
<w:UsernameToken><w:Username>local</w:Username><w:Password>local</w:Password></w:UsernameToken></w:Security></s:Header>
<s:Body>%s</s:Body></s:Envelope>"""
API = 'xmlns="http://exacttarget.com/wsdl/partnerAPI"'
ASYNCHRONOUS = "<Options><RequestType>Asynchronous</RequestType></Options>"
FROM = "<FromName>The Shop</FromName><FromAddress>shop@example.com</FromAddress>"

# Longest that a triggered mail may wait beside a send to all, in seconds: it goes before them.
WAITED_MAX_S = 10
# Each of them is ordered so long after the one before.
PROBED_EVERY_S = 3
# Threads that send calls to be extracted.
SENDERS = 8


class Server:
    def __init__(self, program):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.url = f"http://127.0.0.1:{free.getsockname()[1]}"
        self.folder = tempfile.TemporaryDirectory()
        command = [program, "--listen", self.url.removeprefix("http://"), "--data", self.folder.name]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.process.stdout.readline()

    def asks(self, payload, action):
        headers = {"Content-Type": "text/xml", "SOAPAction": f'"{action}"'}
        request = urllib.request.Request(f"{self.url}/Service.asmx", (ENVELOPE % payload).encode(), headers)
        with urllib.request.urlopen(request, timeout=120) as answer:
            return answer.read().decode()

    def creates(self, objects, options="<Options/>"):
        answer = self.asks(f"<CreateRequest {API}>{options}{objects}</CreateRequest>", "Create")
        assert "<OverallStatus>OK<" in answer, answer
        return answer

    def starts(self, definition, options="<Options/>"):
        perform = f"{options}<Action>start</Action><Definitions>{definition}</Definitions>"
        answer = self.asks(f"<PerformRequestMsg {API}>{perform}</PerformRequestMsg>", "Perform")
        assert "<OverallStatus>OK<" in answer, answer
        return re.search(r"<Task>.*?<ID>(\d+)<", answer, re.DOTALL)[1]

    def told(self, object_type, names, by, value):
        """The first object with this value: the texts of these fields."""
        asked = "".join(f"<Properties>{name}</Properties>" for name in names)
        only = (
            f'<Filter xsi:type="SimpleFilterPart"><Property>{by}</Property>'
            f"<SimpleOperator>equals</SimpleOperator><Value>{value}</Value></Filter>"
        )
        rest = f"<RetrieveRequest><ObjectType>{object_type}</ObjectType>{asked}{only}</RetrieveRequest>"
        answer = self.asks(f"<RetrieveRequestMsg {API}>{rest}</RetrieveRequestMsg>", "Retrieve")
        texts = (re.search(f"<{name}>([^<]*)<", answer) for name in names)
        return [text[1] if text else "" for text in texts]

    def file(self, key, body=None):
        request = urllib.request.Request(f"{self.url}/_local/bucket/{key}", body, method="PUT" if body else "GET")
        with urllib.request.urlopen(request, timeout=300) as answer:
            return answer.read()

    def mails(self):
        with urllib.request.urlopen(f"{self.url}/_local/mails", timeout=600) as answer:
            return json.load(answer)

    def most_memory(self):
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as status:
            return int(re.search(r"VmHWM:\s+(\d+)", status.read())[1]) / 1024

    def ends(self):
        self.process.terminate()
        self.process.wait()
        self.folder.cleanup()


def until(what, found, every=1.0, within=7200):
    began = time.monotonic()
    while time.monotonic() - began < within:
        if found():
            return time.monotonic() - began
        time.sleep(every)
    raise AssertionError(f"still not after {within} s: {what}")


def has_ended(server, object_type, field, by, number):
    status = server.told(object_type, [field], by, number)[0]
    assert status != "Error", server.told(object_type, ["PartnerProperties"], by, number)
    return status in ("Completed", "Complete")


def prepares(server, people):
    server.creates('<Objects xsi:type="List"><CustomerKey>news</CustomerKey><ListName>News</ListName></Objects>')
    server.creates(
        '<Objects xsi:type="TriggeredSendDefinition"><CustomerKey>welcome</CustomerKey>'
        "<TriggeredSendStatus>Active</TriggeredSendStatus><Email><Subject>Welcome</Subject>"
        f"<TextBody>Welcome.</TextBody></Email>{FROM}</Objects>"
    )
    server.creates(
        f'<Objects xsi:type="EmailSendDefinition"><CustomerKey>autumn</CustomerKey><Name>Autumn</Name>{FROM}'
        "<SendDefinitionList><List><CustomerKey>news</CustomerKey></List></SendDefinitionList>"
        "<Email><Subject>Autumn</Subject><TextBody>Dear %%City%%</TextBody></Email></Objects>"
    )
    lines = ["SubscriberKey,EmailAddress,City"] + [f"p{n:07},p{n:07}@example.com,Bern" for n in range(people)]
    server.file("import/people.csv", ("\n".join(lines) + "\n").encode())
    task = server.starts(
        '<Definition xsi:type="ImportDefinition"><DestinationObject xsi:type="List"><CustomerKey>news</CustomerKey>'
        "</DestinationObject><FileSpec>people.csv</FileSpec></Definition>"
    )
    took = until("the import", lambda: has_ended(server, "ImportResultsSummary", "ImportStatus", "TaskResultID", task))
    print(f"{people} people imported into the list in {took:.0f} s", flush=True)


def orders(server, number):
    """One triggered mail; when it was ordered, by the clock that mails are stamped with."""
    address = f"probe{number}@example.com"
    ordered = time.time()
    server.creates(
        '<Objects xsi:type="TriggeredSend"><TriggeredSendDefinition><CustomerKey>welcome</CustomerKey>'
        f"</TriggeredSendDefinition><Subscribers><EmailAddress>{address}</EmailAddress>"
        f"<SubscriberKey>{address}</SubscriberKey></Subscribers></Objects>",
        ASYNCHRONOUS,
    )
    return address, ordered


def sends(server, people):
    send = server.starts('<Definition xsi:type="EmailSendDefinition"><CustomerKey>autumn</CustomerKey></Definition>')
    ordered_at = {}

    def is_sent():
        address, at = orders(server, len(ordered_at))
        ordered_at[address] = at
        return has_ended(server, "Send", "Status", "ID", send)

    took = until("the send", is_sent, PROBED_EVERY_S)
    time.sleep(WAITED_MAX_S)
    counts = server.told("Send", ["NumberTargeted", "NumberErrored", "NumberExcluded"], "ID", send)
    assert counts == [str(people), "0", "0"], counts
    print(f"{people} mails ordered and sent in {took:.0f} s, {people / took:.0f} a second", flush=True)
    print(f"most memory of the local server: {server.most_memory():.0f} MB", flush=True)
    mails = server.mails()
    addresses = [to for mail in mails for to in ([mail["to"]] if isinstance(mail["to"], str) else mail["to"])]
    meant = {f"p{n:07}@example.com" for n in range(people)} | set(ordered_at)
    assert len(addresses) == len(meant) and set(addresses) == meant, f"{len(addresses)} mails to {len(set(addresses))}"
    waited = []
    for mail in mails:
        [to] = [mail["to"]] if isinstance(mail["to"], str) else mail["to"]
        if to in ordered_at:
            at = time.strptime(re.match(r"[^.Z]*", mail["at"])[0] + "UTC", "%Y-%m-%dT%H:%M:%S%Z")
            waited.append(calendar.timegm(at) - ordered_at[to])
    print(f"{len(waited)} triggered mails meanwhile, which waited {max(waited):.1f} s at most")
    assert max(waited) <= WAITED_MAX_S, sorted(waited)[-5:]


def extracts(server, calls):
    began = time.monotonic()

    def make(number):
        key = f"call{number:07}"
        object = f'<Objects xsi:type="Subscriber"><CorrelationID>{key}</CorrelationID><EmailAddress>{key}@example.com</EmailAddress><SubscriberKey>{key}</SubscriberKey></Objects>'
        answer = server.creates(object, ASYNCHRONOUS)
        return re.search(r"<RequestID>([^<]*)<", answer)[1]

    with concurrent.futures.ThreadPoolExecutor(SENDERS) as senders:
        sent = set(senders.map(make, range(calls)))
    print(f"{calls} calls taken in in {time.monotonic() - began:.0f} s", flush=True)
    last = f"call{calls - 1:07}"
    until("the last call", lambda: server.told("Subscriber", ["SubscriberKey"], "SubscriberKey", last)[0] == last)
    time.sleep(5)
    before = server.most_memory()
    began = time.monotonic()
    parameters = {"StartDate": "1/1/2000", "OutputFileName": "calls.csv"}
    parameters = "".join(
        f"<PartnerProperties><Name>{name}</Name><Value>{value}</Value></PartnerProperties>"
        for name, value in parameters.items()
    )
    server.starts(f'<Definition xsi:type="DataExtractActivity">{parameters}</Definition>')

    def is_there():
        with urllib.request.urlopen(f"{server.url}/_local/bucket/", timeout=60) as keys:
            return b"extract/calls.csv" in keys.read()

    until("the extract", is_there)
    took = time.monotonic() - began
    rows = csv.DictReader(io.StringIO(server.file("extract/calls.csv").decode()))
    found = [row["RequestID"] for row in rows if row["CorrelationID"].startswith("call")]
    assert len(found) == calls and set(found) == sent, f"{len(found)} rows, {len(set(found))} calls of {calls}"
    print(f"{calls} calls extracted in {took:.0f} s, {calls / took:.0f} a second")
    print(f"most memory of the local server: {before:.0f} MB before, {server.most_memory():.0f} MB after")


def main():
    program, people, calls = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    server = Server(program)
    try:
        if people:
            prepares(server, people)
            sends(server, people)
        if calls:
            extracts(server, calls)
    finally:
        server.ends()


main()
