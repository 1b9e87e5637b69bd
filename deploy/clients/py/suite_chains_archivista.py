"""Tekton Chains 0.26.2 with Archivista as its storage: what it stored there is what it logged in Rekor v1."""
import base64
import hashlib
import json
import re

from interop.archivista import Archivistactl, downloaded
from interop.cases import Suite, need
from interop.chains import Chains
from interop.cosign import Cosign
from interop.rekor_cli import RekorCli
from interop.servers import rekor_v1

SETTINGS = {"artifacts.taskrun.storage": "archivista", "artifacts.pipelinerun.storage": "archivista", "artifacts.oci.storage": "",
            "artifacts.taskrun.format": "slsa/v2alpha4", "artifacts.pipelinerun.format": "slsa/v2alpha4"}


def sign(chains, run, **more):
    """Has Chains sign and store a run; gives its annotations and the gitoid that it was told."""
    annotations, error, said = chains.sign(run, **more)
    need(error is None and annotations.get("signed") == "true", f"{error}: {annotations} {said}")
    found = re.search(r"uploaded DSSE envelope to Archivista, response: {Gitoid:([0-9a-f]{64})}", said)
    need(found, said)
    return annotations, found[1]


def about(log, run, gitoid):
    """The envelope under this gitoid is about what the run built; gives its payload."""
    payload = base64.b64decode(downloaded(log, gitoid)["payload"])
    need(run.image in payload.decode(), f"{gitoid} is not about {run.image}")
    return payload


def with_rekor(chains, cli, kind):
    """Stored first and logged then. Of a known key the stored envelope is an entry, too: every entry that is found has the payload."""
    run = chains.run()[kind]
    annotations, gitoid = sign(chains, run, transparency_enabled="true")
    payload = about(chains.log, run, gitoid)
    found = cli.json("search", "--sha", f"sha256:{run.image}")["UUIDs"]
    index = int(annotations["transparency"].rsplit("=", 1)[1])
    need(index in [cli.json("get", "--uuid", uuid)["LogIndex"] for uuid in found], f"expected index {index} among {found}")
    for uuid in found:
        cli.must("verify", "--uuid", uuid)
        hashed = hashlib.sha256(payload).hexdigest()
        need(hashed in json.dumps(cli.json("get", "--uuid", uuid)["Body"]), f"{uuid} is not about the payload {hashed}")
    return f"gitoid {gitoid}, {len(found)} entries, that of Chains at index {index}"


def alone(chains):
    """Without Rekor."""
    run = chains.run()["taskrun"]
    _, gitoid = sign(chains, run)
    about(chains.log, run, gitoid)
    return gitoid


def found(chains, ctl):
    """By archivistactl, by what was built."""
    run = chains.run()["taskrun"]
    _, gitoid = sign(chains, run, transparency_enabled="true")
    said = ctl.must("search", f"sha256:{run.image}")
    need(gitoid in said, f"expected {gitoid}: {said}")
    need(run.image in ctl.must("retrieve", "subjects", gitoid), "its subjects are others")
    return said


def elsewhere(chains, url):
    run = chains.run()["taskrun"]
    _, gitoid = sign(chains, run, storage_archivista_url=url)
    about(chains.log, run, gitoid)
    return gitoid


def again(chains, secrets):
    """RSA signs the same bytes the same way: the same gitoid and entry, where Archivista's own server fails the run for good."""
    run = chains.run()["taskrun"]
    (first, gitoid), (second, other) = [sign(chains, run, secrets=secrets, transparency_enabled="true") for _ in range(2)]
    need((gitoid, first["transparency"]) == (other, second["transparency"]), f"{gitoid} at {first['transparency']}, {other} at {second['transparency']}")
    about(chains.log, run, gitoid)
    return f"both {gitoid} at {first['transparency'].split('?')[1]}"


def refused(chains):
    """An envelope of a key that nobody knows, where such are refused: Chains is told, and will try again."""
    annotations, error, said = chains.sign(chains.run()["taskrun"])
    return error is None or annotations.get("signed") == "true", f"{error}; {said}"


with Suite("chains-archivista") as suite:
    with rekor_v1("chains-archivista") as log:
        chains, cli, ctl = Chains(log, {**SETTINGS, "transparency.url": log.url, "storage.archivista.url": log.url}), RekorCli(log), Archivistactl(log)
        for kind in ("taskrun", "pipelinerun"):
            suite.case(f"{kind}.with-rekor", with_rekor, chains, cli, kind)
        suite.case("without-rekor", alone, chains)
        suite.case("search", found, chains, ctl)
        suite.case("url-with-v1", elsewhere, chains, f"{log.url}/v1")
        suite.case("url-with-userinfo", elsewhere, chains, log.url.replace("http://", "http://interop:secret@"))
        suite.case("again", again, chains, chains.cosign_key(Cosign(log), "rsa"))
    with rekor_v1("chains-archivista-strict", '[archivista]\nunknown_keys = "refuse"') as log:
        strict = Chains(log, {**SETTINGS, "storage.archivista.url": log.url})
        suite.refusal("refuse.unknown-key", "expected an envelope whose keys are known here", refused, strict)
