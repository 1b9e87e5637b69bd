"""cosign v3 on files: sign-blob and attest-blob by our signing configuration, verified against our trusted root."""
import json

from interop import bundles, place
from interop.cases import Suite
from interop.cosign import IDENTITY, WORDS, Cosign
from interop.servers import server

KEYLESS = {"p256": "ecdsa-sha2-256-nistp256", "p384": "ecdsa-sha2-384-nistp384", "rsa": "rsa-sign-pkcs1-3072-sha256"}
ATTESTATION = ["--type", "custom"]


def sign_blob(cosign, kind, *how):
    artifact = cosign.file()
    return artifact, cosign.sign("sign-blob", kind, *how, artifact)


def attest_blob(cosign, kind):
    artifact = cosign.file()
    return artifact, cosign.sign("attest-blob", kind, "--predicate", cosign.predicate(), *ATTESTATION, artifact)


def verify(cosign, who, artifact, bundle, root=None):
    """Verifies a bundle of either kind for an artifact; gives (accepted, what cosign said)."""
    verb, extra = ("verify-blob-attestation", ATTESTATION) if "dsseEnvelope" in bundle else ("verify-blob", [])
    path = cosign.file(json.dumps(bundle).encode(), ".json")
    return cosign.verify(verb, who, "--bundle", path, *extra, artifact, root=root)


def message(artifact, bundle):
    return bundles.pae(bundle["dsseEnvelope"]) if "dsseEnvelope" in bundle else artifact.read_bytes()


def with_key(cosign, make, kind):
    artifact, bundle = make(cosign, kind)
    detail = cosign.check(bundle, kind, message(artifact, bundle))
    if kind == "ed25519":
        return f"{detail}; {by_go(cosign, artifact, bundle)}"
    accepted, said = verify(cosign, cosign.verifier(kind), artifact, bundle)
    if not accepted:
        raise place.Failed(said)
    return f"{detail}, verified"


def by_go(cosign, artifact, bundle):
    """cosign cannot verify its own Ed25519 signatures: rekor-tiles' library and Go's Ed25519ph do."""
    signed = cosign.file(message(artifact, bundle), ".signed")
    path = cosign.file(json.dumps(bundle).encode(), ".json")
    return place.must([place.OWN / "clients", "verify-ed25519ph", "-bundle", path, "-signed", signed,
                       "-key", cosign.dir / "ed25519.pub", "-vkey", cosign.vkey])


def without_key(cosign, algorithm):
    artifact, bundle = sign_blob(cosign, None, "--signing-algorithm", algorithm)
    accepted, said = verify(cosign, IDENTITY, artifact, bundle)
    if not accepted:
        raise place.Failed(said)
    return f"index {bundles.index(bundle)}, {bundles.leaf(bundle)[1]['keyDetails']}, certificate and timestamp verified"


def refusals(suite, cosign, log, name, make, wrong_artifact):
    """Signs once more, verifies that, then everything that may be wrong with it."""
    artifact, bundle = make(cosign, "p256")
    who = cosign.verifier("p256")
    accepted, said = verify(cosign, who, artifact, bundle)
    if not accepted:
        raise place.Failed(f"{name}: refused as it was signed: {said}")
    for what, spoilt in bundles.spoilt(bundle).items():
        suite.refusal(f"{name}.{what}", WORDS[what], verify, cosign, who, artifact, spoilt)
    suite.refusal(f"{name}.other-root", WORDS["other-root"], verify, cosign, who, artifact, bundle, bundles.other_root(log))
    suite.refusal(f"{name}.wrong-key", WORDS["wrong-key"], verify, cosign, cosign.verifier("rsa"), artifact, bundle)
    suite.refusal(f"{name}.wrong-artifact", wrong_artifact, verify, cosign, who, cosign.file(), bundle)


def wrong_identity(cosign):
    artifact, bundle = sign_blob(cosign, None)
    who = ["--certificate-identity", "somebody@else.test", *IDENTITY[2:]]
    return verify(cosign, who, artifact, bundle)


def duplicate(cosign):
    """RSA signs the same bytes the same way: the second submission is the first one's entry, and cosign ends with our 409."""
    artifact, bundle = sign_blob(cosign, "rsa")
    code, said = cosign.run("sign-blob", "--key", "rsa.key", *cosign.config, "--trusted-root", cosign.root,
                            "--bundle", cosign.file(b"", ".json"), artifact)
    return code == 0, said.replace(f"index {bundles.index(bundle)}", "THE FIRST INDEX")


def trailing_slash(cosign, log):
    config = json.loads(log.signing_config.read_text())
    for service in config["rekorTlogUrls"]:
        service["url"] += "/"
    cosign.config = ["--signing-config", cosign.file(json.dumps(config).encode(), ".json"), "--yes"]
    return with_key(cosign, sign_blob, "p256")


with Suite("cosign") as suite, server("cosign") as log:
    cosign = Cosign(log)
    cosign.vkey = log.vkey_file
    for kind in ("p256", "p384", "rsa", "ed25519"):
        cosign.import_key(kind)
        suite.case(f"sign-blob.{kind}", with_key, cosign, sign_blob, kind)
        suite.case(f"attest-blob.{kind}", with_key, cosign, attest_blob, kind)
    for kind, algorithm in KEYLESS.items():
        suite.case(f"keyless.{kind}", without_key, cosign, algorithm)
    refusals(suite, cosign, log, "sign-blob.refuse", sign_blob, "invalid signature when validating ASN.1 encoded signature")
    refusals(suite, cosign, log, "attest-blob.refuse", attest_blob, WORDS["wrong-statement"])
    suite.refusal("keyless.refuse.wrong-identity", "no matching CertificateIdentity found, last error: expected SAN value", wrong_identity, cosign)
    suite.refusal("duplicate-is-409", "409.*equivalent entry already exists.*THE FIRST INDEX", duplicate, cosign)
    suite.case("url-with-trailing-slash", trailing_slash, cosign, log)
