"""litewitness cosigns our checkpoints; Go's clients find both signatures; and it refuses a log that was rolled back or forked,
which the server then says of itself."""
import json
import os
import re
import shutil
import urllib.error
import urllib.request

from interop import bundles, place, python
from interop.cases import Suite, need
from interop.cosign import IDENTITY, Cosign
from interop.javascript import Javascript
from interop.proxy import Proxy
from interop.servers import server
from interop.witness import NAME, Litewitness

ROLLED_BACK = "it cosigned size 36, the log has 21"
FORKED = "it refused the proof from size 36 to"


def cosigned(log, witness, read=None):
    """What Go's clients say of the served checkpoint: whether it is cosigned, and their words."""
    code, said = place.run([place.OWN / "clients", "witnessed", "-read", read or log.read_url, "-vkey", log.vkey_file, "-witness", witness.vkey_file])
    return code == 0, said


def wait_cosigned(log, witness):
    return place.wait_for("a cosignature", lambda: (found := cosigned(log, witness))[0] and found[1])


def grow(log, witness, count):
    """Adds entries and waits until the checkpoint of their tree is cosigned."""
    size = log.size() + count
    log.fill(size)
    said = wait_cosigned(log, witness)
    need(said == f"size {size} cosigned by {NAME}", said)
    need(witness.size(log) == size, f"litewitness remembers size {witness.size(log)}, expected {size}")
    return said


def restarted(log, witness):
    log.stop()
    log.start()
    return grow(log, witness, 15)


def altered(log, witness):
    """The last letter but a few of the cosignature is another."""
    def change(path, data):
        at = len(data) - 12
        return data[:at] + (b"A" if data[at:at + 1] != b"A" else b"B") + data[at + 1:] if path == "/checkpoint" else data

    with Proxy(log.read_url, change) as proxy:
        return cosigned(log, witness, proxy.url)


def readiness(log):
    admin = json.loads((log.dir / "run" / "listen.json").read_text())["adminListen"]
    try:
        with urllib.request.urlopen(f"http://{admin}/readyz", timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def contradicted(log, witness, words):
    """Waits until the server says, in these words, that the witness contradicts it; the witness must cosign nothing more."""
    before = witness.size(log)
    said = place.wait_for("a server that is not ready", lambda: (found := readiness(log))[0] == 503 and re.search(words, found[1]) and found[1])
    need(witness.size(log) == before, f"litewitness went from {before} to {witness.size(log)}")
    shown, answer = cosigned(log, witness)
    need(not shown, f"the checkpoint is shown as cosigned: {answer}")
    return False, f"{said}; {answer}"


def rolled_back(log, witness, copy):
    """The data directory is replaced by an older copy."""
    log.stop()
    shutil.rmtree(log.dir)
    shutil.copytree(copy, log.dir)
    log.start()
    return contradicted(log, witness, ROLLED_BACK)


def forked(log, witness):
    """The older copy grows past what the witness has seen."""
    log.fill(log.size() + 60)
    return contradicted(log, witness, FORKED)


def in_a_bundle(log, witness):
    """A bundle with the cosigned checkpoint in place of the one that was not cosigned yet; gives it and its artifact."""
    artifact = os.urandom(40)
    with Javascript(log) as js:
        bundle = js.sign(artifact)
    wait_cosigned(log, witness)
    proof = bundles.entry(bundle)["inclusionProof"]
    note = log.checkpoint()
    need(note.split("\n")[1] == proof["treeSize"], f"the log grew from {proof['treeSize']}: {note}")
    need(note.count("\n— ") == 2, f"expected two signatures: {note}")
    proof["checkpoint"]["envelope"] = note
    return bundle, artifact


def accepted(verify, *arguments):
    good, said = verify(*arguments)
    need(good, said)
    return said


def clients(suite, log, witness):
    """Who knows nothing of witnesses reads a cosigned checkpoint all the same."""
    bundle, artifact = in_a_bundle(log, witness)
    cosign = Cosign(log)
    path, file = cosign.file(json.dumps(bundle).encode(), ".json"), cosign.file(artifact)
    with Javascript(log) as js:
        suite.case("cosigned-bundle.js", accepted, js.verify, log.trusted_root, bundle, artifact)
    suite.case("cosigned-bundle.python", accepted, python.verify, log.trusted_root, bundle, artifact)
    suite.case("cosigned-bundle.cosign", accepted, cosign.verify, "verify-blob", IDENTITY, "--bundle", path, file)


def settings(witness):
    policy = place.WORK / "witness.policy"
    policy.write_text(witness.policy())
    return f'[witness]\npolicy = "{policy}"\ninterval = "100ms"'


with Suite("witness") as suite, Litewitness() as witness, server("witness", settings(witness)) as log:
    witness.knows(log)
    suite.case("cosigns", grow, log, witness, 20)
    suite.refusal("refuse.altered-cosignature", f"invalid signature for key {NAME}", altered, log, witness)
    clients(suite, log, witness)
    log.stop()
    copy = shutil.copytree(log.dir, place.WORK / "witness.copy")
    log.start()
    suite.case("follows-after-restart", restarted, log, witness)
    suite.refusal("refuse.rolled-back", ROLLED_BACK, rolled_back, log, witness, copy)
    suite.refusal("refuse.forked", FORKED, forked, log, witness)
