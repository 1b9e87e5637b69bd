"""sigstore-python 4.5 through Rekor v1: its first client is chosen by the signing configuration; verified, and nothing altered is."""
import hashlib
import json
import os

from interop import bundles, place
from interop.cases import Suite, need
from interop.python import by_program, program, sign, verify
from interop.servers import rekor_v1

WORDS = {
    "altered-proof": "inclusion proof contains invalid root hash",
    "altered-root": "inclusion proof contains invalid root hash",
    "altered-checkpoint": "checkpoint: invalid signature",
    "altered-index": "inclusion proof (contains invalid root hash|has wrong size)",
    "dropped-entry": "expected exactly one log entry",
    "other-root": "checkpoint: invalid signature: keyring: invalid signature",
    "wrong-key": "(Signature is invalid for input|DSSE: invalid signature)",
    "altered-timestamp": "SET: invalid inclusion promise",
    "altered-time": "SET: invalid inclusion promise",
}
KIND = {False: "hashedrekord", True: "dsse"}


def signed(log, as_dsse):
    artifact = os.urandom(40)
    bundle = sign(log, artifact, as_dsse)
    accepted, said = verify(log.trusted_root, bundle, artifact)
    need(accepted, said)
    accepted, said = by_program(log, bundle, artifact)
    need(accepted, said)
    return bundles.check_v1(bundle, KIND[as_dsse])


def command_line(log, *more):
    """The program `sigstore`, as it is used."""
    name = hashlib.sha256(repr(more).encode()).hexdigest()[:8]
    artifact, out = place.WORK / f"python-v1.{name}", place.WORK / f"python-v1.{name}.bundle"
    artifact.write_bytes(os.urandom(40))
    token = (place.SERVICES / "token").read_text()
    place.must([*program(log), "sign", *more, "--identity-token", token, "--bundle", out, artifact], env={"HOME": str(place.WORK)})
    bundle = json.loads(out.read_text())
    accepted, said = by_program(log, bundle, artifact.read_bytes())
    need(accepted, said)
    return bundles.check_v1(bundle, "hashedrekord")


def asked_for(log):
    """Of a signing configuration with both, --rekor-version takes the first."""
    both, second = json.loads(log.signing_config.read_text()), json.loads((log.dir / "signing_config.json").read_text())
    both["rekorTlogUrls"] = [*second["rekorTlogUrls"], *[one for one in both["rekorTlogUrls"] if one["majorApiVersion"] == 1]]
    own, log.signing_config = log.signing_config, place.WORK / "python-v1.both.json"
    log.signing_config.write_text(json.dumps(both))
    try:
        return command_line(log, "--rekor-version", "1")
    finally:
        log.signing_config = own


def refusals(suite, log, name, as_dsse, wrong_artifact):
    artifact = os.urandom(40)
    bundle, other = sign(log, artifact, as_dsse), sign(log, artifact, as_dsse)
    accepted, said = verify(log.trusted_root, bundle, artifact)
    need(accepted, f"refused as it was signed: {said}")
    for what, spoilt in bundles.spoilt_v1(bundle).items():
        suite.refusal(f"{name}.refuse.{what}", WORDS[what], verify, log.trusted_root, spoilt, artifact)
    stranger = bundles.with_key_of(bundle, other)
    suite.refusal(f"{name}.refuse.wrong-key", WORDS["wrong-key"], verify, log.trusted_root, stranger, artifact)
    suite.refusal(f"{name}.refuse.other-root", WORDS["other-root"], verify, bundles.other_root(log), bundle, artifact)
    suite.refusal(f"{name}.refuse.wrong-artifact", wrong_artifact, by_program, log, bundle, os.urandom(40))
    suite.refusal(f"{name}.refuse.wrong-identity", "Certificate's SANs do not match somebody@else.test", verify, log.trusted_root,
                  bundle, artifact, "somebody@else.test")


with Suite("python-v1") as suite, rekor_v1("python-v1") as log:
    suite.case("sign-artifact", signed, log, False)
    suite.case("sign-dsse", signed, log, True)
    suite.case("command-line", command_line, log)
    suite.case("rekor-version", asked_for, log)
    refusals(suite, log, "artifact", False, "Bundle message digest mismatch")
    refusals(suite, log, "dsse", True, "in-toto statement has no subject for digest")
