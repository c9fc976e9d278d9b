"""A receiver of callbacks for all tours: keeps what is posted, and gives it back to a GET of the same
path, one body a line. Prints its address.
"""

import http.server
import threading
from collections import defaultdict

posted = defaultdict(list)
lock = threading.Lock()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        with lock:
            posted[self.path].append(body)
        self.answer(b"")

    def do_GET(self):
        with lock:
            lines = b"".join(body + b"\n" for body in posted[self.path])
        self.answer(lines)

    def answer(self, body):
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(f"http://127.0.0.1:{server.server_port}", flush=True)
server.serve_forever()
