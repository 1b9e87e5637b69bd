"""cosign v3 through Rekor v1: by the signing configuration for it, verified with the log's signed entry timestamps."""
import base64
import copy
import json

from interop import place
from interop.cases import Suite, need
from interop.cosign import Cosign
from interop.servers import server

ATTESTATION = ["--type", "custom"]
SKIPPED = "not enough verified log entries from transparency log: 0 < 1"


def sign_blob(cosign, kind):
    artifact = cosign.file()
    return artifact, cosign.sign("sign-blob", kind, artifact)


def attest_blob(cosign, kind):
    artifact = cosign.file()
    return artifact, cosign.sign("attest-blob", kind, "--predicate", cosign.predicate(), *ATTESTATION, artifact)


def verify(cosign, who, artifact, bundle):
    """Verifies a bundle of either kind for an artifact; gives (accepted, what cosign said)."""
    verb, extra = ("verify-blob-attestation", ATTESTATION) if "dsseEnvelope" in bundle else ("verify-blob", [])
    path = cosign.file(json.dumps(bundle).encode(), ".json")
    return cosign.verify(verb, who, "--bundle", path, *extra, artifact)


def entry_of(bundle):
    return bundle["verificationMaterial"]["tlogEntries"][0]


def signed(cosign, make, kind, entry_kind):
    artifact, bundle = make(cosign, kind)
    entry = entry_of(bundle)
    need(entry["kindVersion"] == {"kind": entry_kind, "version": "0.0.1"}, f"found {entry['kindVersion']}")
    need(int(entry["integratedTime"]) > 0, "no integrated time")
    need(entry["inclusionPromise"]["signedEntryTimestamp"], "no signed entry timestamp")
    accepted, said = verify(cosign, cosign.verifier(kind), artifact, bundle)
    need(accepted, said)
    return f"{entry_kind} at index {entry.get('logIndex', 0)}, verified"


def flipped(text):
    raw = bytearray(base64.b64decode(text))
    raw[-9] ^= 1
    return base64.b64encode(bytes(raw)).decode()


def spoilt(bundle):
    """Bundles that differ from a good one in what only Rekor v1 has, or in the proof."""
    def with_entry(edit):
        other = copy.deepcopy(bundle)
        edit(entry_of(other))
        return other
    checkpoint = entry_of(bundle)["inclusionProof"]["checkpoint"]["envelope"]
    origin, size, rest = checkpoint.split("\n", 2)
    larger = {"envelope": f"{origin}\n{int(size) + 1}\n{rest}"}
    promise = entry_of(bundle)["inclusionPromise"]["signedEntryTimestamp"]
    return {
        "altered-timestamp": (SKIPPED, with_entry(lambda e: e.update(inclusionPromise={"signedEntryTimestamp": flipped(promise)}))),
        "altered-time": (SKIPPED, with_entry(lambda e: e.update(integratedTime=str(int(e["integratedTime"]) + 1)))),
        "altered-checkpoint": ("signature on checkpoint did not verify", with_entry(lambda e: e["inclusionProof"].update(checkpoint=larger))),
        "dropped-entry": (SKIPPED, {**bundle, "verificationMaterial": {**bundle["verificationMaterial"], "tlogEntries": []}}),
    }


def rekor_v1(name):
    log = server(name)
    log.signing_config = log.dir / "signing_config.rekor-v1.json"
    return log


with Suite("rekor-v1") as suite, rekor_v1("rekor-v1") as log:
    cosign = Cosign(log)
    for kind in ("p256", "rsa"):
        cosign.import_key(kind)
        suite.case(f"sign-blob.{kind}", signed, cosign, sign_blob, kind, "hashedrekord")
        suite.case(f"attest-blob.{kind}", signed, cosign, attest_blob, kind, "dsse")
    who = cosign.verifier("p256")
    for name, make in {"sign-blob": sign_blob, "attest-blob": attest_blob}.items():
        artifact, bundle = make(cosign, "p256")
        accepted, said = verify(cosign, who, artifact, bundle)
        if not accepted:
            raise place.Failed(f"{name}: refused as it was signed: {said}")
        for what, (words, other) in spoilt(bundle).items():
            suite.refusal(f"{name}.refuse.{what}", words, verify, cosign, who, artifact, other)
    artifact, bundle = sign_blob(cosign, "p256")
    suite.refusal("sign-blob.refuse.wrong-artifact", "invalid signature when validating ASN.1 encoded signature", verify, cosign, who, cosign.file(), bundle)
