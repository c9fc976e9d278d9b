"""What the journeys stand on: an endpoint somewhere, accounts of it, a receiver of callbacks.

Everything is said over HTTP and in real time; nothing is known of what is behind the endpoint. The
variables are explained in docs/deploying.md. Only the standard library is used.
"""

import base64
import hashlib
import hmac
import http.server
import json
import os
import shlex
import subprocess
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
from xml.etree import ElementTree
from xml.sax.saxutils import escape

ENDPOINT = os.environ["ENDPOINT"].rstrip("/")
# What the WSDL and the tokens must name: another one if something stands between us and the endpoint.
ADDRESS = os.environ.get("ADDRESS", ENDPOINT).rstrip("/")
# Where mails can be looked at, as the local server shows them; empty: nowhere.
MAILS = os.environ.get("MAILS", "")
# Whom mails are sent to. SES's simulator takes them from everybody, in its sandbox too.
MAIL_TO = os.environ.get("MAIL_TO") or ("{}@example.com" if MAILS else "success+{}@simulator.amazonses.com")
# Seconds that a call may take, a cold start and a busy emulator included.
WAIT_MAX_S = int(os.environ.get("WAIT", "90"))

LOOPBACK = urllib.parse.urlsplit(ENDPOINT).hostname in ("127.0.0.1", "localhost")

SOAP_11 = "http://schemas.xmlsoap.org/soap/envelope/"
SOAP_12 = "http://www.w3.org/2003/05/soap-envelope"
PARTNER = "http://exacttarget.com/wsdl/partnerAPI"
SECURITY = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"

# The order of the Options in the WSDL.
OPTIONS = (
    "SendResponseTo SaveOptions ConversationID SequenceCode CallsInConversation ScheduledTime "
    "RequestType RequestExpirationTime QueuePriority"
).split()


def new(prefix):
    """A name that no earlier run has used."""
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
        time.sleep(0.1 if LOOPBACK else 0.5)


def ask(path, body=None, headers=None, method=None):
    """Status, headers and body of the answer, whatever the status."""
    url = path if "://" in path else ENDPOINT + path
    data = body.encode() if isinstance(body, str) else body
    request = urllib.request.Request(url, data, headers or {}, method=method)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read()


def post_json(path, content):
    status, _, body = ask(path, json.dumps(content), {"Content-Type": "application/json"})
    return status, json.loads(body)


def element(name, *contents, **attributes):
    """Markup. Texts given by name are escaped; contents given by place are markup already."""
    given = "".join(f' {key.replace("_", ":")}="{escape(value)}"' for key, value in attributes.items())
    return f"<{name}{given}>{''.join(contents)}</{name}>"


def fields(**values):
    """An element for each value that is given, in that order; lists repeat it."""
    parts = []
    for name, value in values.items():
        for one in value if isinstance(value, list) else [value]:
            if one is not None:
                parts.append(element(name, escape(str(one))))
    return "".join(parts)


def envelope(body, header="", soap=SOAP_11):
    return (
        f'<s:Envelope xmlns:s="{soap}" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">'
        f"<s:Header>{header}</s:Header><s:Body>{body}</s:Body></s:Envelope>"
    )


class Answer:
    """A SOAP answer, read by the names of its elements."""

    def __init__(self, status, body):
        self.status = status
        self.body = body.decode()
        try:
            self.root = ElementTree.fromstring(body)
        except ElementTree.ParseError:
            raise AssertionError(f"HTTP {status}, and no XML: {self.body[:500]}") from None

    def __repr__(self):
        return f"HTTP {self.status} {self.body[:2000]}"

    @property
    def results(self):
        return self.root.findall(f".//{{{PARTNER}}}Results")

    def text(self, name, inside=None):
        """The first element of that name, of any namespace; None: there is none."""
        for it in (self.root if inside is None else inside).iter():
            if it.tag.rsplit("}", 1)[-1] == name:
                return it.text or ""
        return None

    def of_all(self, name):
        """An element of the whole answer, not of one of its Results."""
        return self.root.findtext(f"{{*}}Body/*/{{{PARTNER}}}{name}")

    @property
    def overall(self):
        return self.of_all("OverallStatus")

    @property
    def request_id(self):
        return self.of_all("RequestID")

    @property
    def fault(self):
        """Code without its prefix, and reason; None if it is no fault."""
        reason = self.text("faultstring") or self.text("Text")
        code = self.text("faultcode") or self.text("Value")
        return reason and (code.rsplit(":", 1)[-1], reason)


class Account:
    """Somebody who may call."""

    def __init__(self, client_id, client_secret, user="", password="", webhook_secret=""):
        self.client_id, self.client_secret = client_id, client_secret
        self.user, self.password = user, password
        self.webhook_secret = webhook_secret
        self.token = None

    def ask_for_token(self):
        asked = {"grant_type": "client_credentials", "client_id": self.client_id, "client_secret": self.client_secret}
        return post_json("/v2/token", asked)

    def header(self):
        if not self.token:
            status, answer = self.ask_for_token()
            assert status == 200, (status, answer)
            self.token = answer["access_token"]
        return f'<fueloauth xmlns="http://exacttarget.com">{self.token}</fueloauth>'

    def password_header(self, password=None):
        token = fields(**{"w:Username": self.user, "w:Password": password or self.password})
        return f'<w:Security xmlns:w="{SECURITY}"><w:UsernameToken>{token}</w:UsernameToken></w:Security>'

    def post(self, operation, body, header=None, soap=SOAP_11, **headers):
        """Sends the child of Body."""
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        if soap == SOAP_11:
            headers.update({"Content-Type": "text/xml; charset=utf-8", "SOAPAction": f'"{operation}"'})
        else:
            headers["Content-Type"] = f'application/soap+xml; charset=utf-8; action="{operation}"'
        text = envelope(body, self.header() if header is None else header, soap)
        status, _, answer = ask("/Service.asmx", text, headers)
        return Answer(status, answer)

    def call(self, method, objects, options=None, **how):
        """Create, Update or Delete of objects, which are markup."""
        options = options or {}
        given = "".join(
            one if name in ("SendResponseTo", "SaveOptions") else fields(**{name: one})
            for name in OPTIONS
            for one in [options.get(name)]
            if one is not None
        )
        unknown = set(options) - set(OPTIONS)
        assert not unknown, unknown
        objects = objects if isinstance(objects, list) else [objects]
        body = f'<{method}Request xmlns="{PARTNER}"><Options>{given}</Options>{"".join(objects)}</{method}Request>'
        return self.post(method, body, **how)

    def create(self, objects, **options):
        return self.call("Create", objects, options)

    def later(self, objects, method="Create", **options):
        """An asynchronous call that must be accepted; gives its RequestID."""
        answer = self.call(method, objects, {"RequestType": "Asynchronous", **options})
        assert (answer.status, answer.overall) == (200, "OK"), answer
        assert {answer.text("StatusMessage", it) for it in answer.results} == {"Queued"}, answer
        return answer.request_id

    def retrieve(self, object_type, properties, filter="", continued=None):
        """One page; a filter is markup, or a pair of property and value."""
        if isinstance(filter, tuple):
            name, value = filter
            parts = fields(Property=name, SimpleOperator="equals", Value=value)
            filter = f'<Filter xsi:type="SimpleFilterPart">{parts}</Filter>'
        asked = fields(ObjectType=object_type, Properties=list(properties)) + filter
        asked += fields(ContinueRequest=continued)
        body = f'<RetrieveRequestMsg xmlns="{PARTNER}"><RetrieveRequest>{asked}</RetrieveRequest></RetrieveRequestMsg>'
        answer = self.post("Retrieve", body)
        assert answer.status == 200, answer
        return answer

    def found(self, object_type, properties, filter):
        """Tuples of the properties, one for each result."""
        answer = self.retrieve(object_type, properties, filter)
        assert answer.overall == "OK", answer
        return [tuple(answer.text(name, it) for name in properties) for it in answer.results]

    def state(self, request_id):
        """Status, CallStatus and CallMessage; None: nobody has heard of it."""
        found = self.found("AsyncRequestResult", ("Status", "CallStatus", "CallMessage"), ("RequestID", request_id))
        return found[0] if found else None

    def ended(self, request_id, wait_max_s=WAIT_MAX_S):
        def look():
            state = self.state(request_id)
            return state and state[0] not in ("Gathering", "Scheduled", "Queued", "Processing") and state

        return until(f"call {request_id} to end", look, wait_max_s)


def subscriber(key, **attributes):
    given = "".join(element("Attributes", fields(Name=name, Value=value)) for name, value in attributes.items())
    contents = fields(EmailAddress=mail_address(key)) + given + fields(SubscriberKey=key)
    return element("Objects", contents, xsi_type="Subscriber")


def mail_address(key):
    return MAIL_TO.format(key)


def mails_to(address):
    status, _, body = ask(MAILS)
    assert status == 200, (status, body)
    return [mail for mail in json.loads(body) if address in mail["to"]]


def send_response_to(url, when="OnCallComplete", kind="HTTPPost", **more):
    given = fields(ResponseType=kind, ResponseAddress=url, RespondWhen=when, **more)
    return element("SendResponseTo", given)


# Who calls ----------------------------------------------------------------------------------------


def aftercall(*words):
    """The operator's command; what it says, by its names."""
    command = shlex.split(os.environ.get("AFTERCALL", "cargo run --quiet --release -p aftercall --"))
    options = ["--accounts-table", os.environ["ACCOUNTS_TABLE"], "--output", "json"]
    done = subprocess.run([*command, *options, *words], stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout)


def made(name):
    """A new account, with a user and an API client."""
    account = new(name)
    secret = aftercall("accounts", "create", account, "tests/lanes/deployed")["webhook_secret"]
    client = aftercall("clients", "create", account, account)
    user = aftercall("users", "create", account, account)
    return Account(client["client_id"], client["client_secret"], user["user"], user["password"], secret)


def given(prefix=""):
    """The account that the variables name; None: they name none."""
    names = ("CLIENT_ID", "CLIENT_SECRET", "SOAP_USER", "SOAP_PASSWORD", "WEBHOOK_SECRET")
    values = [os.environ.get(prefix + name, "") for name in names]
    return Account(*values) if values[0] else None


def accounts():
    """Two of them; the second can be None."""
    if os.environ.get("ACCOUNTS_TABLE"):
        return made("journeys"), made("journeys-other")
    first = given()
    assert first, "who is to call? Set ACCOUNTS_TABLE, or CLIENT_ID and CLIENT_SECRET: see docs/deploying.md"
    return first, given("OTHER_")


# Who is called back -------------------------------------------------------------------------------


class Receiver:
    """Takes callbacks in and keeps them in the order they came."""

    def __init__(self):
        self.received = []
        self.refusals = {}
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                path = self.path.rstrip("/").rsplit("/", 1)[-1]
                receiver.received.append(
                    {
                        "path": path,
                        "headers": {name.lower(): value for name, value in self.headers.items()},
                        "body": body,
                        "at": time.time(),
                        **dict(urllib.parse.parse_qsl(body.decode(), keep_blank_values=True)),
                    }
                )
                refused = receiver.refusals.get(path, 0) > 0
                receiver.refusals[path] = receiver.refusals.get(path, 0) - 1
                self.send_response(500 if refused else 200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        host, port = os.environ.get("CALLBACK_LISTEN", "127.0.0.1:0").rsplit(":", 1)
        self.server = http.server.ThreadingHTTPServer((host, int(port)), Handler)
        own = f"http://127.0.0.1:{self.server.server_port}" if LOOPBACK else ""
        self.url = os.environ.get("CALLBACK", own).rstrip("/")
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def at(self, path):
        return [callback for callback in self.received if callback["path"] == path]

    def wait(self, path, count):
        until(f"{count} callbacks at {path}", lambda: len(self.at(path)) >= count)
        return self.at(path)

    def close(self):
        self.server.shutdown()
        self.server.server_close()


def signed_by(secret, callback):
    """Whether the signature is that of Standard Webhooks with this secret, and fresh."""
    headers = callback["headers"]
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + callback["body"]
    key = base64.b64decode(secret[len("whsec_") :])
    expected = "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    fresh = abs(time.time() - int(headers["webhook-timestamp"])) < 300
    return fresh and expected in headers["webhook-signature"].split(" ")
