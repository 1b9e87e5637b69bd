"""Archivista's own clients: archivistactl 0.10.0, go-witness 0.8.6 and its whole policy verification, all found by our server."""
import json
import os
import subprocess

from interop import place
from interop.archivista import Archivistactl, downloaded
from interop.cases import Suite, need
from interop.servers import rekor_v1


def witness(suite, log, folder):
    """go-witness as a library; it leaves two envelopes in the folder."""
    with subprocess.Popen([place.OWN / "witness", "-url", log.url, "-dir", folder], stdout=subprocess.PIPE, text=True) as program:
        suite.take(program.stdout)
    need(program.returncode == 0, f"the program ended with {program.returncode}")
    return json.loads((folder / "stored.json").read_text())


def stored(ctl, folder, known):
    """What go-witness stored is stored already, however it is written down."""
    gitoid = ctl.store(folder / "build.json")
    need(gitoid == ctl.store(folder / "build.json"), "two gitoids of one file")
    return f"{gitoid}, go-witness had {known['gitoids']['build']}"


def envelope(ctl, log, folder):
    gitoid, out = ctl.store(folder / "test.json"), folder / "retrieved.json"
    ctl.must("retrieve", "envelope", "--out", out, gitoid)
    got, sent = json.loads(out.read_text()), json.loads((folder / "test.json").read_text())
    need(got["payload"] == sent["payload"] and got["signatures"][0]["sig"] == sent["signatures"][0]["sig"], f"found {got}")
    need(downloaded(log, gitoid) == got, "a plain download gives another envelope")
    return gitoid


def subjects(ctl, known):
    said = ctl.must("retrieve", "subjects", known["gitoids"]["test"])
    need("out.txt" in said and f"sha256:{known['sha256']}" in said, said)
    return said


def search(ctl, known):
    said = ctl.must("search", f"sha256:{known['sha256']}")
    need(known["gitoids"]["test"] in said and "Collection name: test" in said, said)
    need("https://witness.dev/attestations/command-run/v0.1" in said or "command-run" in said, said)
    return said


def nothing(ctl):
    """archivistactl has no word for "nothing found"."""
    said = ctl.must("search", f"sha256:{os.urandom(32).hex()}")
    need(said == "", f"expected nothing, found {said}")
    return "nothing"


def elsewhere(log, folder):
    """The base URL with /v1, and a header that a proxy would look at."""
    ctl = Archivistactl(log, f"{log.url}/v1")
    gitoid = ctl.store(folder / "test.json", "--headers", "Authorization: Bearer interop")
    ctl.must("retrieve", "envelope", gitoid)
    return gitoid


def garbage(ctl, folder):
    path = folder / "hello"
    path.write_text("hello")
    return ctl.attempt("store", path)


with Suite("archivista") as suite, rekor_v1("archivista") as log:
    folder = place.WORK / "archivista.witness"
    folder.mkdir()
    known, ctl = witness(suite, log, folder), Archivistactl(log)
    suite.case("ctl.store", stored, ctl, folder, known)
    suite.case("ctl.retrieve-envelope", envelope, ctl, log, folder)
    suite.case("ctl.retrieve-subjects", subjects, ctl, known)
    suite.case("ctl.search", search, ctl, known)
    suite.case("ctl.search-nothing", nothing, ctl)
    suite.case("ctl.base-url-with-v1", elsewhere, log, folder)
    suite.refusal("ctl.refuse.not-an-envelope", "failed to store .*expected", garbage, ctl, folder)
    suite.refusal("ctl.refuse.unknown-gitoid", "no envelope with gitoid", ctl.attempt, "retrieve", "envelope", os.urandom(32).hex())
    suite.refusal("ctl.refuse.not-a-gitoid", "expected a gitoid of 64 hexadecimal digits", ctl.attempt, "retrieve", "envelope", "hello")
