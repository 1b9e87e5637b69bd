"""rekor-tiles' own Go client library, Tessera's client and the note package, in Go; this only starts them."""
import subprocess

from interop import place
from interop.cases import Suite, need
from interop.servers import server

with Suite("go") as suite, server("go") as log:
    flags = ["-url", log.url, "-read", log.read_url, "-vkey", log.vkey_file, "-grpc", log.grpc_address()]
    with subprocess.Popen([place.OWN / "clients", "suite", *flags], stdout=subprocess.PIPE, text=True) as program:
        suite.take(program.stdout)
    need(program.returncode == 0, f"the program ended with {program.returncode}")
