"""sigstore-js still sends attestations as Rekor v2's older dsseRequestV002. We refuse that by default and say what to send
instead; with rekor_v2.dsse_requests the entry is what today's verifiers expect, shown by three of them."""
import hashlib
import json
import os

from interop import bundles, python
from interop.cases import Suite, need
from interop.cosign import IDENTITY, WORDS, Cosign
from interop.javascript import Javascript
from interop.servers import server

JS_WORDS = {
    "altered-proof": "TLOG_INCLUSION_PROOF_ERROR: calculated root hash does not match",
    "dropped-entry": "TLOG_ERROR: expected 1 tlog entries, got 0",
    "other-root": "TLOG_INCLUSION_PROOF_ERROR: invalid checkpoint signature",
    "altered-payload": "TLOG_BODY_ERROR: digest mismatch",
    "wrong-key": "SIGNATURE_ERROR: signature verification failed",
}
PYTHON_WORDS = {
    "altered-proof": "inclusion proof contains invalid root hash",
    "dropped-entry": "expected exactly one log entry",
    "other-root": "checkpoint: invalid signature: keyring: invalid signature",
    "altered-payload": "DSSE: invalid signature",
    "wrong-key": "DSSE: invalid signature",
}
COSIGN_WORDS = {**WORDS, "altered-payload": "verifying inclusion: calculated root"}
PREDICATE = "https://interop.test/predicate"


def statement(artifact):
    return json.dumps({"_type": "https://in-toto.io/Statement/v1", "predicateType": PREDICATE, "predicate": {"tested": True},
                       "subject": [{"name": "artifact", "digest": {"sha256": hashlib.sha256(artifact).hexdigest()}}]}).encode()


def by_default(log):
    before = log.size()
    with Javascript(log) as js:
        answer = js.try_sign(statement(os.urandom(40)), dsse=True)
    need(log.size() == before, f"the log grew from {before} to {log.size()} by a request that was refused")
    return answer["ok"], answer.get("said", "logged")


def sign(js, artifact):
    bundle = js.sign(statement(artifact), dsse=True)
    message = bundles.pae(bundle["dsseEnvelope"])
    detail = bundles.check_leaf(bundle, "PKIX_ECDSA_P256_SHA_256", "sha256", message)
    need(bundles.entry(bundle)["kindVersion"] == {"kind": "hashedrekord", "version": "0.0.2"}, bundles.entry(bundle)["kindVersion"])
    return bundle, f"{detail}, the digest of the PAE"


def verifiers(log, js):
    """Name -> a function of (root, bundle, artifact) that gives whether this client accepts, and what it says; and its words."""
    cosign = Cosign(log)

    def by_cosign(root, bundle, artifact):
        path, file = cosign.file(json.dumps(bundle).encode(), ".json"), cosign.file(artifact)
        return cosign.verify("verify-blob-attestation", IDENTITY, "--bundle", path, "--type", PREDICATE, file, root=root)

    return {"js": (js.verify, JS_WORDS), "cosign": (by_cosign, COSIGN_WORDS), "python": (python.verify, PYTHON_WORDS)}


def verified(verify, log, bundle, artifact):
    accepted, said = verify(log.trusted_root, bundle, artifact)
    need(accepted, said)
    return said


def with_setting(suite, log, js):
    artifact = os.urandom(40)
    other, _ = sign(js, artifact)
    bundle, detail = sign(js, artifact)
    suite.passed("dsse.sign", detail)
    spoilt = {name: b for name, b in bundles.spoilt(bundle).items() if name in JS_WORDS}
    spoilt["altered-payload"] = {**bundle, "dsseEnvelope": {**bundle["dsseEnvelope"], "payload": bundles.b64(statement(artifact) + b" ")}}
    spoilt["wrong-key"] = bundles.with_key_of(bundle, other)
    for name, (verify, words) in verifiers(log, js).items():
        suite.case(f"verify.{name}", verified, verify, log, bundle, artifact)
        for what, altered in spoilt.items():
            suite.refusal(f"{name}.refuse.{what}", words[what], verify, log.trusted_root, altered, artifact)
        suite.refusal(f"{name}.refuse.other-root", words["other-root"], verify, bundles.other_root(log), bundle, artifact)


with Suite("dsse") as suite:
    with server("dsse-default") as log:
        suite.refusal("refuse.by-default", r"\(400\).*hashedRekordRequestV002", by_default, log)
    with server("dsse", "[rekor_v2]\ndsse_requests = true") as log, Javascript(log) as js:
        with_setting(suite, log, js)
