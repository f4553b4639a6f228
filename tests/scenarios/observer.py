"""Takes notifications and writes them to a file: one line each, `["/path", {content}]`, in the order of arrival.

    observer.py FILE [PORT]

The line is on its way to the disk before the notification is acknowledged. Ends with SIGTERM.
"""

import json
import signal
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"  # Connections are kept.
    disable_nagle_algorithm = True
    wbufsize = -1  # The answer leaves in one piece.

    def do_POST(self):
        content = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        line = json.dumps([self.path, content], separators=(",", ":")) + "\n"
        with self.server.lock:
            self.server.file.write(line)
            self.server.file.flush()
        self.send_response_only(200)
        self.send_header("X-M2M-RSC", "2000")
        self.send_header("X-M2M-RI", self.headers.get("X-M2M-RI", ""))
        self.send_header("X-M2M-RVI", self.headers.get("X-M2M-RVI", "3"))
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


def main():
    server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[2]) if len(sys.argv) > 2 else 0), Handler)
    server.daemon_threads = True
    server.lock = threading.Lock()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with open(sys.argv[1], "a") as server.file:
        print(f"listens on http://127.0.0.1:{server.server_port}", flush=True)
        server.serve_forever()


main()
