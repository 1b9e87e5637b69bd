"""litewitness, a real witness: it cosigns the checkpoints of the logs it was told of, and remembers the newest."""
import base64
import hashlib
import re
import sqlite3
import subprocess

from . import place

NAME = "witness.interop.test"


class Litewitness:
    def __init__(self, name="litewitness"):
        self.dir = place.WORK / name
        self.dir.mkdir()
        self.url = f"http://localhost:{place.free_port()}"
        self.vkey_file = self.dir / "vkey"
        self.log = self.dir / "log"

    def __enter__(self):
        # A socket's path may have a hundred letters, so its folder is where the program runs.
        self.agent = self._start([place.OWN / "agent", "-socket", "agent", "-fingerprint", "fingerprint"])
        fingerprint = self.dir / "fingerprint"
        place.wait_for("ssh-agent", fingerprint.exists, process=self.agent)
        self.process = self._start([place.OWN / "litewitness", "-name", NAME, "-listen", self.url.removeprefix("http://"),
                                    "-ssh-agent", "agent", "-key", fingerprint.read_text(), "-db", "db"])
        said = place.wait_for(f"litewitness (see {self.log})", lambda: re.search(r"vkey=(\S+)", self.log.read_text()), process=self.process)
        self.vkey_file.write_text(said[1] + "\n")
        place.wait_for("litewitness", lambda: "msg=listening" in self.log.read_text(), process=self.process)
        return self

    def _start(self, arguments):
        with open(self.log, "ab") as log:
            return subprocess.Popen([str(a) for a in arguments], cwd=self.dir, stdout=log, stderr=log, stdin=subprocess.DEVNULL)

    def __exit__(self, *_):
        for process in (self.process, self.agent):
            process.kill()
            process.wait()

    def vkey(self):
        return self.vkey_file.read_text().strip()

    def policy(self):
        """A policy (c2sp.org/tlog-policy) that wants this witness."""
        return f"witness lite {self.vkey()} {self.url}\nquorum lite\n"

    def knows(self, log):
        """Tells it of a log, as its operator would: from size 0 on."""
        with sqlite3.connect(self.dir / "db", timeout=30) as db:
            empty = base64.b64encode(hashlib.sha256(b"").digest()).decode()
            db.execute("INSERT INTO log VALUES (?, 0, ?)", (log.origin, empty))
            db.execute("INSERT INTO key VALUES (?, ?)", (log.origin, log.vkey_file.read_text().strip()))

    def size(self, log):
        """The size that it cosigned last."""
        with sqlite3.connect(self.dir / "db", timeout=30) as db:
            return db.execute("SELECT tree_size FROM log WHERE origin = ?", (log.origin,)).fetchone()[0]
