"""What the clients' tests stand on: a receiver of callbacks, the server's list of mails, waiting.

Only the standard library, since each client has an environment of its own.
"""

import http.server
import json
import os
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid

BASE = os.environ["BASE"].rstrip("/")
# Elsewhere than on the local server, time cannot be moved on.
CLOCK_IS_REAL = os.environ.get("CLOCK") == "real"
WAIT_MAX_S = 30

CALLBACK_FIELDS = [
    "RequestID",
    "ConversationID",
    "OverallStatusCode",
    "StatusCode",
    "StatusMessage",
    "ErrorCode",
    "RequestType",
    "ResultType",
    "ResultDetailXML",
    "SequenceCode",
]


def new(prefix):
    """A key that no earlier run has used."""
    return f"{prefix}-{uuid.uuid4().hex[:12]}"


def until(what, found, wait_max_s=WAIT_MAX_S):
    """Asks again and again until there is something, and says what was missing if there never is."""
    deadline = time.monotonic() + wait_max_s
    while True:
        it = found()
        if it:
            return it
        if time.monotonic() > deadline:
            raise AssertionError(f"still not after {wait_max_s} s: {what}")
        time.sleep(0.05)


def did(client, version, what):
    """Notes for docs/clients.md that a client has done something, in a version of SOAP."""
    with open(os.environ["DID"], "a") as notes:
        notes.write(f"{client}\t{version}\t{what}\n")


def get(path):
    with urllib.request.urlopen(BASE + path, timeout=30) as answer:
        return answer.read()


def put_file(name, content):
    """Puts a file to be imported into the local server's bucket: FileSpec is its name."""
    request = urllib.request.Request(f"{BASE}/_local/bucket/import/{name}", method="PUT", data=content.encode())
    with urllib.request.urlopen(request, timeout=30) as answer:
        assert answer.status == 204, answer.status


def extracted(name):
    """What an extract of the account `local` has written; `None`: nothing yet."""
    try:
        return get(f"/_local/bucket/extract/{name}").decode()
    except urllib.error.HTTPError as error:
        assert error.code == 404, error
        return None


def post(path, content=None):
    """Posts JSON; gives the status and the JSON that comes back, if it is any."""
    request = urllib.request.Request(
        BASE + path,
        method="POST",
        data=b"" if content is None else json.dumps(content).encode(),
        headers={"Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, as_json(answer.read())
    except urllib.error.HTTPError as error:
        return error.code, as_json(error.read())


def as_json(text):
    try:
        return json.loads(text)
    except ValueError:
        return None


def token():
    status, answer = post(
        "/v2/token", {"grant_type": "client_credentials", "client_id": "local", "client_secret": "local"}
    )
    assert status == 200, (status, answer)
    return answer["access_token"]


def mails_to(address):
    def to(mail):
        return mail["to"] if isinstance(mail["to"], list) else [mail["to"]]

    return [mail for mail in json.loads(get("/_local/mails")) if any(address in it for it in to(mail))]


def texts_to(number):
    return [text for text in json.loads(get("/_local/texts")) if text["to"] == number]


def advance(seconds):
    status, _ = post(f"/_local/clock/advance?seconds={seconds}")
    assert status in (200, 204), status


class Receiver:
    """Takes callbacks in on loopback and keeps them in the order they came."""

    def __init__(self):
        self.received = []
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                fields = urllib.parse.parse_qs(body, keep_blank_values=True, strict_parsing=True)
                receiver.received.append(
                    {
                        "path": self.path,
                        "headers": dict(self.headers.items()),
                        "names": [pair.split("=")[0] for pair in body.split("&")],
                        "body": body,
                        **{name: values[0] for name, values in fields.items()},
                    }
                )
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def at(self, path):
        return [callback for callback in self.received if callback["path"] == path]

    def wait(self, path, count):
        until(f"{count} callbacks at {path}, {len(self.at(path))} came", lambda: len(self.at(path)) >= count)
        return self.at(path)

    def close(self):
        self.server.shutdown()
        self.server.server_close()
