"""Fifty of rekor-tiles' clients at once; a restart; a kill -9 in the middle of their work; nothing acknowledged is lost."""
import json
import subprocess

from interop import place
from interop.cases import Suite, need
from interop.servers import server

CLIENTS = "50"


def program(log, verb, acks, *more):
    return [str(a) for a in (place.OWN / "clients", verb, "-url", log.url, "-vkey", log.vkey_file, "-acks", acks, "-clients", CLIENTS, *more)]


def submit(log, acks, count):
    said = place.must(program(log, "submit", acks, "-count", count), seconds=200)
    need(said.startswith(f"{count} entries acknowledged"), said)
    return said


def check(log, acks):
    return place.must(program(log, "check", acks, "-read", log.read_url), seconds=200)


def restart(log, acks):
    log.stop()
    log.start()
    return check(log, acks)


def kill(log, acks):
    """Kills the server when 500 entries are acknowledged and more are on their way."""
    with subprocess.Popen(program(log, "submit", acks, "-count", 1_000_000), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as clients:
        place.wait_for("500 acknowledged entries", lambda: acks.exists() and acks.read_bytes().count(b"\n") >= 500, process=clients)
        log.kill()
        said = clients.communicate(timeout=120)[0].strip()
    need(clients.returncode == 0, said)
    lost = sum(json.loads(line)["index"] < 0 for line in acks.read_text().splitlines())
    need(lost > 0, f"no entry was on its way when the server was killed: {said}")
    log.start()
    return f"{said}; after the kill: {check(log, acks)}"


def check_altered(log, acks):
    """One acknowledgement speaks of another leaf than the log has: as if that entry had been dropped."""
    lines = [json.loads(line) for line in acks.read_text().splitlines()]
    lines[7]["leaf"] = lines[8]["leaf"]
    altered = acks.with_suffix(".altered")
    altered.write_text("".join(json.dumps(line) + "\n" for line in lines))
    code, said = place.run(program(log, "check", altered, "-read", log.read_url), seconds=200)
    return code == 0, said


with Suite("crowd") as suite, server("crowd") as log:
    acks = place.WORK / "crowd.acks"
    suite.case("50-clients-261-entries", submit, log, acks, 261)
    suite.refusal("refuse.dropped-entry", "does not hold the entry that was acknowledged", check_altered, log, acks)
    suite.case("restart", restart, log, acks)
    suite.case("kill-9", kill, log, place.WORK / "crowd.killed.acks")
    suite.case("kill-9.before-it", check, log, acks)
