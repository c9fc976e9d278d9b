"""An import of very many rows into a data extension of a local server, and their retrieval page by page.

Usage: imports.py PROGRAM ROWS [PORT]. Prints rows a second, the most memory of the process (the whole local
server, whose tables are on the disk), and what a page takes. Fails if a row is lost or doubled.
"""

import re
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


def field(name, kind, key=""):
    return f"<Field><Name>{name}</Name><FieldType>{kind}</FieldType><MaxLength>100</MaxLength>{key}</Field>"


PEOPLE = (
    f'<CreateRequest {API}><Options/><Objects xsi:type="DataExtension"><CustomerKey>people</CustomerKey><Name>People</Name>'
    f'<Fields>{field("Key", "Text", "<IsPrimaryKey>true</IsPrimaryKey>")}{field("Group", "Text")}'
    f'{field("Email", "EmailAddress")}{field("City", "Text")}</Fields></Objects></CreateRequest>'
)
START = (
    f'<PerformRequestMsg {API}><Options/><Action>start</Action><Definitions><Definition xsi:type="ImportDefinition">'
    '<DestinationObject xsi:type="DataExtension"><CustomerKey>people</CustomerKey></DestinationObject>'
    "<FileSpec>people.csv</FileSpec></Definition></Definitions></PerformRequestMsg>"
)
GROUPS = 20


class Server:
    def __init__(self, program, port):
        self.url = f"http://127.0.0.1:{port}"
        self.folder = tempfile.TemporaryDirectory()
        command = [program, "--listen", f"127.0.0.1:{port}", "--data", self.folder.name]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.process.stdout.readline()

    def asks(self, payload, action):
        headers = {"Content-Type": "text/xml", "SOAPAction": f'"{action}"'}
        body = (ENVELOPE % payload).encode()
        request = urllib.request.Request(f"{self.url}/Service.asmx", body, headers)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.read().decode()

    def puts(self, key, body):
        request = urllib.request.Request(f"{self.url}/_local/bucket/{key}", body, method="PUT")
        urllib.request.urlopen(request, timeout=300).close()

    def most_memory(self):
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as status:
            return int(re.search(r"VmHWM:\s+(\d+)", status.read())[1]) / 1024

    def ends(self):
        self.process.terminate()
        self.process.wait()
        self.folder.cleanup()


def retrieve(rest):
    return f"<RetrieveRequestMsg {API}><RetrieveRequest>{rest}</RetrieveRequest></RetrieveRequestMsg>"


def summary(server, task):
    names = ("ImportStatus", "NumberSuccessful", "NumberErrors", "TotalRows")
    asked = "".join(f"<Properties>{name}</Properties>" for name in names)
    only = (
        '<Filter xsi:type="SimpleFilterPart"><Property>TaskResultID</Property>'
        f"<SimpleOperator>equals</SimpleOperator><Value>{task}</Value></Filter>"
    )
    answer = server.asks(retrieve(f"<ObjectType>ImportResultsSummary</ObjectType>{asked}{only}"), "Retrieve")
    return [re.search(f"<{name}>([^<]*)<", answer)[1] for name in names]


def pages(server):
    """The rows of one group, page by page."""
    only = (
        '<Filter xsi:type="SimpleFilterPart"><Property>Group</Property>'
        "<SimpleOperator>equals</SimpleOperator><Value>g7</Value></Filter>"
    )
    rest = f"<ObjectType>DataExtensionObject[people]</ObjectType><Properties>Key</Properties>{only}"
    while True:
        began = time.monotonic()
        answer = server.asks(retrieve(rest), "Retrieve")
        yield re.findall(r"<Value>([^<]*)</Value>", answer), time.monotonic() - began
        if "<OverallStatus>MoreDataAvailable" not in answer:
            return
        request_id = re.search(r"<RequestID>([^<]*)<", answer)[1]
        rest = f"<ContinueRequest>{request_id}</ContinueRequest>"


def main():
    program, rows = sys.argv[1], int(sys.argv[2])
    server = Server(program, sys.argv[3] if len(sys.argv) > 3 else "21749")
    try:
        server.asks(PEOPLE, "Create")
        lines = ["Key,Group,Email,City"]
        lines += [f"k{n:07},g{n % GROUPS},person{n}@example.com,Newcastle upon Tyne" for n in range(rows)]
        server.puts("import/people.csv", ("\n".join(lines) + "\n").encode())
        before = server.most_memory()
        began = time.monotonic()
        task = re.search(r"<Task>.*?<ID>(\d+)<", server.asks(START, "Perform"))[1]
        while True:
            time.sleep(2)
            status, successful, errors, total = summary(server, task)
            print(f"{time.monotonic() - began:6.0f} s: {status}, {total} rows", flush=True)
            if status in ("Completed", "Error"):
                break
        took = time.monotonic() - began
        assert (status, successful, errors) == ("Completed", str(rows), "0"), (status, successful, errors)
        print(f"{rows} rows in {took:.0f} s, {rows / took:.0f} a second")
        print(f"most memory of the local server: {before:.0f} MB before, {server.most_memory():.0f} MB after")
        found, longest = [], 0.0
        for page, seconds in pages(server):
            found += page
            longest = max(longest, seconds)
        expected = [f"k{n:07}" for n in range(rows) if n % GROUPS == 7]
        assert sorted(found) == expected, f"{len(found)} rows of {len(expected)}"
        print(f"{len(found)} rows by a filter, each once; the longest page took {longest:.2f} s")
        print(f"most memory then: {server.most_memory():.0f} MB")
    finally:
        server.ends()


main()
