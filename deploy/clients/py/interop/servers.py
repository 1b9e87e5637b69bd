"""Servers of a Rekor v2 log under test: ours, or rekor-tiles' own to see that the tests hold there too."""
import json
import os
import signal
import subprocess
import urllib.request

from . import place


class Server:
    """A log that clients are pointed at. `url` takes entries, `read_url` serves checkpoint and tiles."""

    origin = "localhost"

    def __init__(self, name):
        self.dir = place.WORK / name
        self.port = place.free_port()
        self.url = self.read_url = f"http://localhost:{self.port}"
        self.process = None
        self.log = place.WORK / f"{name}.log"

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        if self.process:
            self.kill()

    def spawn(self, arguments, env=None):
        with open(self.log, "ab") as log:
            return subprocess.Popen([str(a) for a in arguments], stdout=log, stderr=log, stdin=subprocess.DEVNULL,
                                    env={**os.environ, **(env or {})})

    def end(self, number):
        self.process.send_signal(number)
        self.process.wait(60)
        self.process = None

    def stop(self):
        """Stops it as an operator does; it must end with 0."""
        process = self.process
        self.end(signal.SIGTERM)
        if process.returncode != 0:
            raise place.Failed(f"the server ended with {process.returncode}, expected 0")

    def kill(self):
        self.end(signal.SIGKILL)

    def trust_config(self):
        """Both trust files in one, as sigstore-python takes them."""
        path = self.dir / "trust_config.json"
        path.write_text(json.dumps({
            "mediaType": "application/vnd.dev.sigstore.clienttrustconfig.v0.1+json",
            "trustedRoot": json.loads(self.trusted_root.read_text()),
            "signingConfig": json.loads(self.signing_config.read_text())}))
        return path

    def grpc_address(self):
        return f"localhost:{self.port}"

    def checkpoint(self):
        with urllib.request.urlopen(self.read_url + "/checkpoint", timeout=10) as answer:
            return answer.read().decode()

    def size(self):
        return int(self.checkpoint().split("\n")[1])

    # How the load generator brings in entries, and on how many connections.
    load, load_connections = ["--log", "rekor-v2", "--mode", "batch", "--batch", "256"], 8

    def fill(self, size):
        """Adds as many entries as are missing: of their own seed, for the log would not take the same ones again."""
        missing = size - self.size()
        place.must([place.BIN / "treering-loadtest", "submit", "--url", self.url, "--count", missing, "--seed", size, "--bytes", "512",
                    "--max-error-share", "0", "--duration", "180s", "--connections", min(missing, self.load_connections), *self.load], seconds=200)
        if self.size() != size:
            raise place.Failed(f"the log has {self.size()} entries, expected {size}")


class Treering(Server):
    """treering-server with a fresh data directory; `settings` are lines for its treering.toml."""

    def __init__(self, name, settings=""):
        super().__init__(name)
        self.program = place.BIN / "treering-server"
        place.must([self.program, "init", self.dir, "--url", self.url, "--services", place.SERVICES / "services.json"])
        self.trusted_root, self.signing_config = self.dir / "trusted_root.json", self.dir / "signing_config.json"
        self.vkey_file = self.dir / "rekor-v2.vkey"
        if settings:
            self.configure(settings)

    def configure(self, settings):
        """Adds to the configuration a table with its settings; init wrote the heading of each table already."""
        path = self.dir / "treering.toml"
        heading, _, lines = settings.strip().partition("\n")
        text = path.read_text()
        path.write_text(text.replace(f"{heading}\n", f"{heading}\n{lines}\n", 1) if f"{heading}\n" in text
                        else f"{text}\n{settings}\n")

    def start(self):
        listening = self.dir / "run" / "listen.json"
        listening.unlink(missing_ok=True)
        self.process = self.spawn([self.program, "serve", self.dir, "--listen", f"127.0.0.1:{self.port}",
                                   "--admin-listen", "127.0.0.1:0"])
        place.wait_for(f"treering-server (see {self.log})", lambda: listening.exists() and self.size() >= 0, process=self.process)


def server(name, settings=""):
    """The server under test: $INTEROP_SERVER, treering unless it is rekor-tiles."""
    if os.environ.get("INTEROP_SERVER", "treering") == "rekor-tiles":
        from .rekor_tiles import RekorTiles
        return RekorTiles(name)
    return Treering(name, settings)


def is_oracle():
    return os.environ.get("INTEROP_SERVER") == "rekor-tiles"
