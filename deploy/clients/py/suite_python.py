"""sigstore-python 4.5: its Rekor v2 client signs files and statements, its verifier accepts them and nothing altered."""
import base64
import json
import os

from cryptography import x509
from interop import bundles, place
from interop.cases import Suite, need
from interop.python import by_program, program, sign, verify
from interop.servers import server
from sigstore._internal.rekor.client_v2 import RekorV2Client
from sigstore.hashes import Hashed
from sigstore.models import TransparencyLogEntry
from sigstore_models.common.v1 import HashAlgorithm
from sigstore._internal.rekor import RekorClientError

WORDS = {
    "altered-proof": "inclusion proof contains invalid root hash",
    # It compares roots before it looks at the checkpoint's signature.
    "altered-root": "inclusion proof contains invalid root hash",
    "altered-checkpoint": "checkpoint: invalid signature",
    "altered-index": "inclusion proof contains invalid root hash",
    "dropped-entry": "expected exactly one log entry",
    "other-root": "checkpoint: invalid signature: keyring: invalid signature",
    "wrong-key": "(Signature is invalid for input|DSSE: invalid signature)",
}


def signed(log, as_dsse):
    artifact = os.urandom(40)
    bundle = sign(log, artifact, as_dsse)
    accepted, said = verify(log.trusted_root, bundle, artifact)
    need(accepted, said)
    accepted, said = by_program(log, bundle, artifact)
    need(accepted, said)
    message = bundles.pae(bundle["dsseEnvelope"]) if as_dsse else artifact
    return bundles.check_leaf(bundle, "PKIX_ECDSA_P256_SHA_256", "sha256", message)


def refusals(suite, log, name, as_dsse, wrong_artifact):
    artifact = os.urandom(40)
    bundle, other = sign(log, artifact, as_dsse), sign(log, artifact, as_dsse)
    accepted, said = verify(log.trusted_root, bundle, artifact)
    need(accepted, f"refused as it was signed: {said}")
    for what, spoilt in bundles.spoilt(bundle).items():
        suite.refusal(f"{name}.refuse.{what}", WORDS[what], verify, log.trusted_root, spoilt, artifact)
    stranger = bundles.with_key_of(bundle, other)
    suite.refusal(f"{name}.refuse.wrong-key", WORDS["wrong-key"], verify, log.trusted_root, stranger, artifact)
    suite.refusal(f"{name}.refuse.other-root", WORDS["other-root"], verify, bundles.other_root(log), bundle, artifact)
    suite.refusal(f"{name}.refuse.wrong-artifact", wrong_artifact, by_program, log, bundle, os.urandom(40))
    suite.refusal(f"{name}.refuse.wrong-identity", "Certificate's SANs do not match somebody@else.test", verify, log.trusted_root, bundle, artifact, "somebody@else.test")


def again(log):
    """The client's own request for the entry of a bundle, once more."""
    artifact = os.urandom(40)
    bundle = sign(log, artifact, False)
    request = RekorV2Client._build_hashed_rekord_request(
        hashed_input=Hashed(algorithm=HashAlgorithm.SHA2_256, digest=base64.b64decode(bundle["messageSignature"]["messageDigest"]["digest"])),
        signature=base64.b64decode(bundle["messageSignature"]["signature"]),
        certificate=x509.load_der_x509_certificate(base64.b64decode(bundle["verificationMaterial"]["certificate"]["rawBytes"])))
    try:
        entry = RekorV2Client(log.url).create_entry(request)
        return True, f"logged again: {entry}"
    except RekorClientError as error:
        return False, str(error).replace(f"index {bundles.index(bundle)}", "THE FIRST INDEX")


def command_line(log):
    """The program `sigstore`, as it is used."""
    artifact, out = place.WORK / "python.artifact", place.WORK / "python.bundle"
    artifact.write_bytes(os.urandom(40))
    token = (place.SERVICES / "token").read_text()
    place.must([*program(log), "sign", "--identity-token", token, "--bundle", out, artifact], env={"HOME": str(place.WORK)})
    bundle = json.loads(out.read_text())
    accepted, said = by_program(log, bundle, artifact.read_bytes())
    need(accepted, said)
    return f"index {bundles.index(bundle)}"


with Suite("python") as suite, server("python") as log:
    suite.case("sign-artifact", signed, log, False)
    suite.case("sign-dsse", signed, log, True)
    suite.case("command-line", command_line, log)
    refusals(suite, log, "artifact", False, "Bundle message digest mismatch")
    refusals(suite, log, "dsse", True, "in-toto statement has no subject for digest")
    suite.refusal("duplicate", "6: an equivalent entry already exists in the transparency log with THE FIRST INDEX", again, log)
