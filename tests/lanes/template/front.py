"""Stands where AWS stands between clients, functions and services, and writes down what passes.

- what is addressed to the local server's own pages goes there;
- invocations go to the function that they name;
- signed AWS requests go to the local cloud, and a line about each says whose credentials it bore,
  what it asked for, and of what;
- all else is a client's request, and goes to ingest.

Usage: front.py PORT CLOUD_URL RECORD NAME=URL...  (the functions)
"""

import http.client
import http.server
import json
import re
import sys
import threading
import urllib.parse

PORT, CLOUD, RECORD = int(sys.argv[1]), sys.argv[2], sys.argv[3]
FUNCTIONS = dict(pair.split("=", 1) for pair in sys.argv[4:])

HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "te", "upgrade"}
record = open(RECORD, "a", buffering=1)
recording = threading.Lock()


def leading(asked):
    """How the key of a record begins, up to its `#`: what a role may be bounded to."""
    record = asked.get("Item") or asked.get("Key") or {}
    pk = record.get("pk", {}).get("S", "")
    return " " + pk.split("#")[0] + "#" if "#" in pk else ""


def asked_for(service, method, path, target, body, tags=None):
    """Pairs of an action and what it is done to, with the beginning of a record's key."""
    if service == "dynamodb":
        operation, asked = target.split(".")[1], json.loads(body)
        if operation == "TransactWriteItems":
            for item in asked["TransactItems"]:
                [(kind, what)] = item.items()
                yield {"ConditionCheck": "ConditionCheckItem"}.get(kind, kind + "Item"), what["TableName"] + leading(what)
        elif "RequestItems" in asked:
            for table in asked["RequestItems"]:
                yield operation, table
        else:
            index = "/index/" + asked["IndexName"] if "IndexName" in asked else ""
            yield operation, asked["TableName"] + index + leading(asked)
    elif service == "sqs":
        operation, asked = target.split(".")[1], json.loads(body)
        yield operation.replace("Batch", ""), asked["QueueUrl"].split("/")[-1]
    elif service == "scheduler":
        yield {"POST": "CreateSchedule", "DELETE": "DeleteSchedule"}[method], json.loads(body)["GroupName"]
    elif service == "kms":
        yield target.split(".")[1], json.loads(body)["KeyId"].split("/")[-1]
    elif service == "ses":
        if urllib.parse.urlsplit(path).path == "/v2/email/account":
            yield "GetAccount", "account"
        else:
            yield "SendEmail", json.loads(body)["FromEmailAddress"]
    elif service == "sms-voice":
        yield target.split(".")[1], json.loads(body)["OriginationIdentity"]
    elif service == "s3":
        bucket = urllib.parse.urlsplit(path).path.split("/")[1]
        if tags:
            yield "PutObjectTagging", bucket
        if method == "DELETE" and "tagging" in urllib.parse.urlsplit(path).query:
            yield "DeleteObjectTagging", bucket
            return
        yield {"GET": "GetObject", "PUT": "PutObject", "POST": "PutObject", "HEAD": "GetObject"}.get(method, method), bucket
    else:
        yield target or method, path


class Front(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def pass_on(self):
        if "chunked" in (self.headers.get("Transfer-Encoding") or "").lower():
            body = b"".join(self.chunks())
        else:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.answer(*self.send(self.where(body), body))

    def chunks(self):
        """Of a body that was sent without its length."""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            yield self.rfile.read(size)
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass

    def where(self, body):
        signed = re.search(r"Credential=([^/]+)/\d+/[^/]+/([^/]+)/", self.headers.get("Authorization") or "")
        invoked = re.match(r"/2015-03-31/functions/([^/]+)/", self.path)
        if self.path.startswith("/_local"):
            return CLOUD + self.path
        if invoked:
            return FUNCTIONS[invoked.group(1)] + self.path
        if not signed:
            return FUNCTIONS["ingest"] + "/lambda-url/ingest" + self.path
        who, service = signed.groups()
        target = self.headers.get("X-Amz-Target") or ""
        with recording:
            for action, what in asked_for(
                service, self.command, self.path, target, body, self.headers.get("x-amz-tagging")
            ):
                record.write(f"{who} {service}:{action} {what}\n")
        return CLOUD + self.path

    def send(self, url, body):
        to = urllib.parse.urlsplit(url)
        connection = http.client.HTTPConnection(to.hostname, to.port, timeout=900)
        headers = {name: value for name, value in self.headers.items() if name.lower() not in HOP_BY_HOP}
        path = to.path + ("?" + to.query if to.query else "")
        connection.request(self.command, path, body, headers)
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        return answer.status, answer.getheaders(), content

    def answer(self, status, headers, content):
        self.send_response_only(status)
        for name, value in headers:
            if name.lower() not in HOP_BY_HOP:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        if self.close_connection:
            # Said as well as done: a client that keeps its connections would use this one again.
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = pass_on

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


Server(("127.0.0.1", PORT), Front).serve_forever()
