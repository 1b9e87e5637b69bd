"""A proxy before a log that serves what the log serves, but for one thing."""
import http.server
import sys
import threading
import urllib.error
import urllib.request

PASSED_ON = ("Accept", "Content-Type")
PASSED_BACK = ("Content-Type", "ETag", "Location")


class _Server(http.server.ThreadingHTTPServer):
    def handle_error(self, request, address):
        if not isinstance(sys.exception(), ConnectionError):  # a client that has seen enough
            super().handle_error(request, address)


class Proxy:
    """`alter` gets a path and the log's bytes for it; it gives other bytes, or None for "there is no such thing"."""

    def __init__(self, upstream, alter):
        outer = self
        self.touched = 0

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                length = self.headers.get("Content-Length")
                sent = self.rfile.read(int(length)) if length else None
                status, headers, data = outer.fetch(self.command, upstream + self.path, sent, self.headers)
                if status in (200, 201):
                    changed = alter(self.path, data)
                    outer.touched += changed != data
                    status, data = (404, b"") if changed is None else (status, changed)
                self.send_response(status)
                for name in PASSED_BACK:
                    if name in headers:
                        self.send_header(name, headers[name])
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_POST = do_GET

            def log_message(self, *_):
                pass

        self.server = _Server(("127.0.0.1", 0), Handler)
        self.url = f"http://localhost:{self.server.server_port}"

    @staticmethod
    def fetch(method, url, sent, headers):
        passed = {name: headers[name] for name in PASSED_ON if name in headers}
        try:
            with urllib.request.urlopen(urllib.request.Request(url, sent, passed, method=method), timeout=20) as answer:
                return answer.status, answer.headers, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.headers, error.read()

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()
