"""A proxy before a log that serves what the log serves, but for one thing."""
import http.server
import sys
import threading
import urllib.error
import urllib.request


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
                status, data = outer.fetch(upstream + self.path)
                if status == 200:
                    changed = alter(self.path, data)
                    outer.touched += changed != data
                    status, data = (404, b"") if changed is None else (200, changed)
                self.send_response(status)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_):
                pass

        self.server = _Server(("127.0.0.1", 0), Handler)
        self.url = f"http://localhost:{self.server.server_port}"

    @staticmethod
    def fetch(url):
        try:
            with urllib.request.urlopen(url, timeout=20) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, b""

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()
