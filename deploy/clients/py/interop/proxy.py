"""A proxy before a log that serves what the log serves, but for one thing."""
import http.server
import threading
import urllib.error
import urllib.request


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
                try:
                    self.send_response(status)
                    self.send_header("Content-Length", str(len(data)))
                    self.end_headers()
                    self.wfile.write(data)
                except ConnectionError:  # the client has seen enough
                    self.close_connection = True

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
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
