"""A scripted backend: it does what it is told to, and keeps a log of what it was sent and has done."""

import http.server
import json
import re
import select
import socket
import socketserver
import threading
import time

RESPONSE = """<?xml version="1.0"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>{body}</s:Body></s:Envelope>"""
RESULTS = """<{action}Response xmlns="http://exacttarget.com/wsdl/partnerAPI">{results}<RequestID>r</RequestID>\
<OverallStatus>{status}</OverallStatus></{action}Response>"""
RESULT = """<Results><StatusCode>{status}</StatusCode><StatusMessage>{message}</StatusMessage><OrdinalID>{ordinal}</OrdinalID>{code}</Results>"""
STATUS = """<SystemStatusResponseMsg xmlns="http://exacttarget.com/wsdl/partnerAPI"><Results><Result><StatusCode>OK</StatusCode>\
<SystemStatus>{status}</SystemStatus></Result></Results><OverallStatus>OK</OverallStatus><RequestID>r</RequestID></SystemStatusResponseMsg>"""
FAULT = """<s:Fault><faultcode>{code}</faultcode><faultstring>{text}</faultstring><detail><apifault \
xmlns="urn:fault.partner.exacttarget.com"><Code>{number}</Code><Message>{text}</Message></apifault></detail></s:Fault>"""

# What it may do with a call: in the first ones the call is certainly not done, in the second ones nobody can know.
NOT_DONE = ("down", "rate limited", "in maintenance", "token expired")
NOBODY_KNOWS = ("half an answer", "cut after doing", "late", "garbage")
OTHERS = ("slow", "refusing")
MODES = NOT_DONE + NOBODY_KNOWS + OTHERS


class Log:
    """One line for each call that arrived, in the order of arrival: key, what it did, when, whether it was done, and
    when it was answered: never, if whoever had sent it did not wait for that."""

    def __init__(self):
        self.lock = threading.Lock()
        self.lines = []

    def arrived(self, key, mode):
        with self.lock:
            line = {"key": key, "mode": mode, "at": time.monotonic(), "done": False, "answered": None}
            self.lines.append(line)
            return line


class Backend:
    def __init__(self, port, takes_s=0.0, late_s=9.0):
        self.port, self.takes_s, self.late_s = port, takes_s, late_s
        self.mode = "well"
        self.log = Log()
        self.probes = self.tokens = 0
        self.done_keys = set()
        self.server = None
        self.listen()

    def listen(self):
        backend = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            # An answer in one piece: of two, the second waits for 40 ms until the first is acknowledged.
            wbufsize = 65536

            def do_POST(self):
                backend.answer(self)

            def log_message(self, *args):
                pass

        class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
            daemon_threads = True
            allow_reuse_address = True
            request_queue_size = 256

            def handle_error(self, request, client_address):
                pass

        self.server = Server(("127.0.0.1", self.port), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def does(self, mode):
        """From now on. Down: nobody listens."""
        if mode == "down" and self.server:
            # What has come before is still answered, and so is who was connected and not accepted yet: the
            # kernel would cut those off, with what they have sent, and the log would know nothing of them.
            self.server.shutdown()
            while select.select([self.server.socket], [], [], 0)[0]:
                self.server._handle_request_noblock()
            self.server.server_close()
            self.server = None
        self.mode = mode
        if mode != "down" and not self.server:
            self.listen()

    def answer(self, request):
        body = request.rfile.read(int(request.headers["content-length"])).decode()
        if request.path == "/v2/token":
            self.tokens += 1
            return send(request, 200, json.dumps({"access_token": f"token-{self.tokens}", "expires_in": 1080}))
        action = request.headers["soapaction"].strip('"')
        mode = self.mode
        if action == "GetSystemStatus":
            self.probes += 1
            return self.probe(request, mode)
        keys = re.findall("<SubscriberKey>([^<]*)</SubscriberKey>", body)
        line = self.log.arrived(keys[0], mode)
        if mode in NOT_DONE:
            if self.refuse(request, mode):
                line["answered"] = time.monotonic()
            return
        if mode == "refusing":
            return tell(request, line, 200, results(action, keys, "Error"))
        if mode == "late":
            time.sleep(self.late_s)
        time.sleep(self.takes_s if mode != "slow" else 0.7)
        self.do(line, keys)
        if mode == "cut after doing":
            return cut(request)
        if mode == "garbage":
            return tell(request, line, 200, "<html><body>Sorry</body></html>")
        if mode == "half an answer":
            return tell(request, line, 200, results(action, keys[: len(keys) // 2], "OK"))
        tell(request, line, 200, results(action, keys, "OK"))

    def do(self, line, keys):
        with self.log.lock:
            line["done"] = True
            self.done_keys.update(keys)

    def probe(self, request, mode):
        if mode in NOT_DONE:
            return self.refuse(request, mode)
        if mode in NOBODY_KNOWS:
            return send(request, 502, "")
        return send(request, 200, RESPONSE.format(body=STATUS.format(status="OK")))

    def refuse(self, request, mode):
        """Whether it was told. Down: a connection that was open before is cut, and nothing is done."""
        if mode == "down":
            return cut(request)
        if is_gone(request):
            return False
        if mode == "rate limited":
            return send(request, 429, "", ("retry-after", "1"))
        if mode == "token expired":
            return send(request, 500, RESPONSE.format(body=FAULT.format(code="q:Security", number="", text="Token Expired")))
        return send(request, 500, RESPONSE.format(body=FAULT.format(code="s:Server", number=9, text="maintenance")))


def results(action, keys, status):
    code = "" if status == "OK" else "<ErrorCode>12012</ErrorCode>"
    lines = [RESULT.format(status=status, message=f"said of {key}", ordinal=at, code=code) for at, key in enumerate(keys)]
    return RESPONSE.format(body=RESULTS.format(action=action, results="".join(lines), status=status))


def tell(request, line, status, body):
    if not is_gone(request) and send(request, status, body):
        line["answered"] = time.monotonic()


def is_gone(request):
    """Whoever sent it does not wait for the answer any more."""
    try:
        return request.connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True


def send(request, status, body, *headers):
    body = body.encode()
    try:
        request.send_response(status)
        for name, value in headers:
            request.send_header(name, value)
        request.send_header("content-type", "text/xml; charset=utf-8")
        request.send_header("content-length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)
        request.wfile.flush()
        return True
    except OSError:
        return False  # Whoever asked is dead.


def cut(request):
    request.close_connection = True
    try:
        request.connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass
    return False
