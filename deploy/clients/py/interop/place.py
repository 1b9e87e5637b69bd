"""Where things are, as deploy/interop says in the environment; ports; programs to run."""
import os
import random
import socket
import subprocess
import time
from pathlib import Path

from .cases import Failed

CLIENTS = Path(__file__).resolve().parents[2]
WORK = Path(os.environ["INTEROP_WORK"])
BIN = Path(os.environ["INTEROP_BIN"])
PEERS = Path(os.environ["INTEROP_PEERS"])
OWN = Path(os.environ["INTEROP_OWN"])
SERVICES = WORK / "services"
IDENTITY, ISSUER = "builder@interop.test", "https://issuer.interop.test"

_ports = iter(random.sample(range(20000, 30000), 2000))


def free_port():
    """A port that nobody listens on, below those that the system gives to outgoing connections."""
    for port in _ports:
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue
    raise Failed("no free port")


def wait_for(what, ready, seconds=60, process=None):
    """Waits until `ready` gives something; fails when the process ended before, or the time is over."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if process is not None and process.poll() is not None:
            raise Failed(f"{what}: the process ended with {process.returncode}")
        try:
            if answer := ready():
                return answer
        except OSError:
            pass
        time.sleep(0.02)
    raise Failed(f"{what}: not ready after {seconds} s")


def run(arguments, seconds=120, env=None, cwd=None, stdin=None):
    """Runs a program. Gives its exit code and all it said."""
    ended = subprocess.run([str(a) for a in arguments], capture_output=True, text=True, timeout=seconds, cwd=cwd,
                           env={**os.environ, **(env or {})}, input=stdin if stdin is not None else "")
    return ended.returncode, (ended.stderr + ended.stdout).strip()


def must(arguments, **options):
    """Runs a program that must succeed."""
    code, said = run(arguments, **options)
    if code != 0:
        raise Failed(f"{Path(str(arguments[0])).name} {arguments[1] if len(arguments) > 1 else ''} ended with {code}: {said[-500:]}")
    return said
