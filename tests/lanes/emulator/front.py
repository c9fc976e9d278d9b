"""Stands in front of the emulator, for two things that it cannot do by itself.

- clients reach the deployed API under one address, without knowing the emulator's host names;
- mails go to the emulator, which judges whether the role may send them and throws them away, and
  after its yes to the local server, which keeps them whole.
"""

import http.client
import http.server
import json
import threading
import urllib.parse

HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "te", "upgrade"}
SEND_MAIL = "/v2/email/"
KEEPERS_CONFIGURATION_SET = "aftercall"


class Front:
    """Listens on loopback. `api_host`: what the deployed API is called, once it is there."""

    def __init__(self, emulator, keeper):
        self.emulator, self.keeper = emulator, keeper
        self.api_host = None
        front = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def pass_on(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                headers = {name: value for name, value in self.headers.items() if name.lower() not in HOP_BY_HOP}
                if self.path.startswith(SEND_MAIL):
                    answer = send(front.emulator, self.command, self.path, headers, body)
                    if answer[0] == 200:
                        answer = send(front.keeper, self.command, self.path, headers, at_the_keeper(body))
                else:
                    headers = {name: value for name, value in headers.items() if name.lower() != "host"}
                    answer = send(front.emulator, self.command, self.path, {**headers, "Host": front.api_host}, body)
                self.answer(*answer)

            def answer(self, status, headers, content):
                self.send_response_only(status)
                for name, value in headers:
                    if name.lower() not in HOP_BY_HOP:
                        self.send_header(name, value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = do_PUT = do_DELETE = pass_on

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


def at_the_keeper(body):
    """The same mail with the one configuration set that the local server has."""
    if not body:
        return body
    mail = json.loads(body)
    if "ConfigurationSetName" in mail:
        mail["ConfigurationSetName"] = KEEPERS_CONFIGURATION_SET
    return json.dumps(mail).encode()


def send(to, method, path, headers, body):
    where = urllib.parse.urlsplit(to)
    connection = http.client.HTTPConnection(where.hostname, where.port, timeout=120)
    connection.request(method, path, body, headers)
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    return answer.status, answer.getheaders(), content
