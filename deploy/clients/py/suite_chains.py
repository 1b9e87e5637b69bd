"""Tekton Chains 0.26.2: its signer, formatters and Rekor client on completed runs; what it logged is found by what the run built."""
import base64
import hashlib
import json
import re
import urllib.request

from interop import place
from interop.cases import Suite, need
from interop.chains import Chains, payload
from interop.cosign import Cosign
from interop.proxy import Proxy
from interop.rekor_cli import RekorCli
from interop.servers import rekor_v1

FORMATS = {"slsa-v1": "slsa/v1", "slsa-v2alpha3": "slsa/v2alpha3", "slsa-v2alpha4": "slsa/v2alpha4"}
SETTINGS = {
    "transparency.enabled": "true", "artifacts.taskrun.storage": "tekton", "artifacts.pipelinerun.storage": "tekton",
    # Without the signature of the image itself, which has a case of its own.
    "artifacts.oci.storage": "", "artifacts.taskrun.format": "slsa/v1", "artifacts.pipelinerun.format": "slsa/v1",
}


def by_image(cli, image):
    """The entries that a search by the image's digest finds at once."""
    return cli.json("search", "--sha", f"sha256:{image}")["UUIDs"]


def logged(cli, run, annotations):
    """One entry is found by the image: Chains' attestation, as rekor-cli verifies it and as Chains kept it."""
    found = by_image(cli, run.image)
    need(len(found) == 1, f"expected one entry of {run.image}, found {found}")
    cli.must("verify", "--uuid", found[0])
    entry = cli.json("get", "--uuid", found[0])
    kept = payload(annotations, run.key)
    need(entry["Attestation"].encode() == kept, "the log's attestation is not what Chains kept")
    need(run.image in kept.decode(), "the statement is not about the image")
    content = entry["Body"]["IntotoObj"]["content"]
    need(content["payloadHash"]["value"] == hashlib.sha256(kept).hexdigest(), f"found {content}")
    envelope = base64.b64decode(annotations[f"signature-{run.key}"])
    need(content["hash"]["value"] == hashlib.sha256(envelope).hexdigest(), f"found {content}, expected the hash of {envelope}")
    return entry


def fetched(url):
    """Where Chains' annotation leads: the one entry."""
    with urllib.request.urlopen(url, timeout=20) as answer:
        (entry,) = json.load(answer).items()
    return entry


def signed(chains, cli, kind, name):
    run = chains.run()[kind]
    annotations = chains.must_sign(run, **{f"artifacts_{kind}_format": FORMATS[name]})
    entry = logged(cli, run, annotations)
    uuid, answer = fetched(annotations["transparency"])
    need((uuid, answer["logIndex"]) == (entry["UUID"], entry["LogIndex"]), f"the annotation leads to {uuid}")
    body = json.loads(base64.b64decode(answer["body"]))
    need((body["kind"], body["apiVersion"]) == ("intoto", "0.0.1"), f"found {body['kind']} {body['apiVersion']}")
    statement = json.loads(payload(annotations, run.key))
    digests = {f"{name}:{value}" for subject in statement["subject"] for name, value in subject["digest"].items()}
    for digest in digests:
        need(cli.json("search", "--sha", digest)["UUIDs"] == [uuid], f"not found by its subject {digest}")
    return f"intoto 0.0.1 at index {entry['LogIndex']}, {statement['predicateType']}, found by {len(digests)} digests of subjects"


def image(chains, cli):
    """With the image's own signature, which is uploaded last: its annotation hides the attestation's, and the search finds that."""
    run = chains.run()["taskrun"]
    annotations = chains.must_sign(run, artifacts_oci_storage="tekton")
    logged(cli, run, annotations)
    _, answer = fetched(annotations["transparency"])
    body = json.loads(base64.b64decode(answer["body"]))
    simple = payload(annotations, run.image[:12])
    need(body["kind"] == "hashedrekord", f"found {body['kind']}")
    need(body["spec"]["data"]["hash"]["value"] == hashlib.sha256(simple).hexdigest(), f"found {body['spec']['data']}")
    return f"hashedrekord at index {answer['logIndex']} over the simple signing payload, beside the attestation"


def elsewhere(chains, cli, url):
    """Another URL of the same log; the annotation leads there, however Chains joined it."""
    run = chains.run()["taskrun"]
    annotations = chains.must_sign(run, transparency_url=url)
    need(annotations["transparency"].startswith(f"{url}/api/v1/log/entries?logIndex="), annotations["transparency"])
    uuid, _ = fetched(annotations["transparency"])
    need(uuid == logged(cli, run, annotations)["UUID"], f"the annotation leads to {uuid}")
    return annotations["transparency"].replace(chains.log.url, "")


def again(chains, cli, secrets):
    """RSA signs the same statement the same way: the second push is a 409, and Chains takes the entry that is there."""
    run = chains.run()["taskrun"]
    first, _, _ = chains.sign(run, secrets)
    second, error, said = chains.sign(run, secrets)
    need(error is None and second["signed"] == "true", f"{error}: {said}")
    need(first["transparency"] == second["transparency"], f"{first['transparency']} and {second['transparency']}")
    logged(cli, run, second)
    return f"both {first['transparency'].split('?')[1]}"


def refused(chains, run, *secrets, **more):
    """Gives whether Chains marked the run as signed, and what it said."""
    annotations, error, said = chains.sign(run, *secrets, **more)
    return error is None or "transparency" in annotations or annotations.get("signed") == "true", f"{error}; {said}"


def lying(chains, cli, secrets):
    """Sent again through a proxy that answers with another timestamp: what the 409 leads to must verify."""
    run = chains.run()["taskrun"]
    chains.sign(run, secrets)

    def alter(path, data):
        if not re.fullmatch(r"/api/v1/log/entries/[0-9a-f]{80}", path):
            return data
        answer = json.loads(data)
        for entry in answer.values():
            entry["integratedTime"] += 1
        return json.dumps(answer).encode()

    with Proxy(chains.log.url, alter) as proxy:
        return refused(chains, run, secrets, transparency_url=proxy.url)


def frozen(chains, cli):
    """The log was frozen and has no successor."""
    log = chains.log
    log.stop()
    place.must([log.program, "log", "freeze", log.dir, "--name", "rekor-v1"])
    log.start()
    return refused(chains, chains.run()["taskrun"])


with Suite("chains") as suite, rekor_v1("chains") as log:
    chains, cli, cosign = Chains(log, {**SETTINGS, "transparency.url": log.url}), RekorCli(log), Cosign(log)
    for kind in ("taskrun", "pipelinerun"):
        for name in FORMATS:
            suite.case(f"{kind}.{name}", signed, chains, cli, kind, name)
    suite.case("image", image, chains, cli)
    suite.case("url-with-path", elsewhere, chains, cli, f"{log.url}/logs/rekor-v1")
    suite.case("url-with-trailing-slash", elsewhere, chains, cli, f"{log.url}/")
    suite.case("url-with-path-and-slash", elsewhere, chains, cli, f"{log.url}/logs/rekor-v1/")
    rsa = chains.cosign_key(cosign, "rsa")
    suite.case("duplicate", again, chains, cli, rsa)
    suite.refusal("duplicate.refuse.altered-time", "error uploading entry to tlog: verifying signedEntryTimestamp: unable to verify SET", lying, chains, cli, rsa)
    suite.refusal("refuse.ed25519", "createLogEntryBadRequest.*accepted signatures do not match threshold", refused, chains, chains.run()["taskrun"],
                  chains.cosign_key(cosign, "ed25519"))
    suite.refusal("refuse.unlogged", "no matching entries found", cli.attempt, "search", "--sha", chains.run()["taskrun"].image)
    suite.refusal("refuse.frozen", "error uploading entry to tlog", frozen, chains, cli)
