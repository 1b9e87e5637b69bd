"""cosign v3 through Rekor v1: by the signing configuration for it or by --rekor-url, files and images, with keys and without,
verified with the log's signed entry timestamps."""
import json

from interop import bundles, place
from interop.cases import Suite, need
from interop.cosign import IDENTITY, Cosign
from interop.registry import Registry
from interop.servers import rekor_v1

ATTESTATION = ["--type", "custom"]
INVALID = "invalid signature when validating ASN.1 encoded signature"
MISMATCH = "provided artifact digests? (does|do) not match"
WRONG_KEY = "transparency log certificate does not match"
# An entry whose timestamp is not the log's is passed over.
SKIPPED = "not enough verified log entries from transparency log: 0 < 1"
WORDS = {
    "altered-timestamp": SKIPPED, "altered-time": SKIPPED, "altered-index": SKIPPED, "dropped-entry": SKIPPED,
    "altered-checkpoint": "signature on checkpoint did not verify", "altered-root": "calculated root", "altered-proof": "calculated root",
}


def sign_blob(cosign, kind):
    artifact = cosign.file()
    return artifact, cosign.sign("sign-blob", kind, artifact)


def attest_blob(cosign, kind):
    artifact = cosign.file()
    return artifact, cosign.sign("attest-blob", kind, "--predicate", cosign.predicate(), *ATTESTATION, artifact)


def verify(cosign, who, artifact, bundle, root=None):
    """Verifies a bundle of either kind for an artifact; gives (accepted, what cosign said)."""
    verb, extra = ("verify-blob-attestation", ATTESTATION) if "dsseEnvelope" in bundle else ("verify-blob", [])
    path = cosign.file(json.dumps(bundle).encode(), ".json")
    return cosign.verify(verb, who, "--bundle", path, *extra, artifact, root=root)


def who_is(cosign, kind):
    return cosign.verifier(kind) if kind else IDENTITY


def signed(cosign, make, kind, entry_kind):
    artifact, bundle = make(cosign, kind)
    accepted, said = verify(cosign, who_is(cosign, kind), artifact, bundle)
    need(accepted, said)
    return bundles.check_v1(bundle, entry_kind)


def image(cosign, registry, verb, kind):
    reference = registry.image("interop/image")
    extra = ["--predicate", cosign.predicate(), *ATTESTATION] if verb == "attest" else []
    return reference, cosign.sign(verb, kind, *extra, reference)


def verify_image(cosign, verb, who, reference, root=None):
    program, extra = {"sign": ("verify", []), "attest": ("verify-attestation", ATTESTATION)}[verb]
    return cosign.verify(program, who, *extra, reference, root=root)


def signed_image(cosign, registry, verb, kind):
    reference, bundle = image(cosign, registry, verb, kind)
    accepted, said = verify_image(cosign, verb, who_is(cosign, kind), reference)
    need(accepted, said)
    return bundles.check_v1(bundle, "dsse")


def file_refusals(suite, cosign, log, name, make, wrong_artifact):
    who = cosign.verifier("p256")
    artifact, bundle = make(cosign, "p256")
    accepted, said = verify(cosign, who, artifact, bundle)
    need(accepted, f"{name}: refused as it was signed: {said}")
    for what, other in bundles.spoilt_v1(bundle).items():
        suite.refusal(f"{name}.refuse.{what}", WORDS[what], verify, cosign, who, artifact, other)
    suite.refusal(f"{name}.refuse.other-root", SKIPPED, verify, cosign, who, artifact, bundle, root=bundles.other_root(log))
    suite.refusal(f"{name}.refuse.wrong-key", WRONG_KEY, verify, cosign, cosign.verifier("other"), artifact, bundle)
    suite.refusal(f"{name}.refuse.wrong-artifact", wrong_artifact, verify, cosign, who, cosign.file(), bundle)
    stranger, theirs = make(cosign, None)
    somebody = ["--certificate-identity", "somebody@else.test", *IDENTITY[2:]]
    suite.refusal(f"{name}.refuse.wrong-identity", "no matching CertificateIdentity found, last error: expected SAN value", verify, cosign,
                  somebody, stranger, theirs)


def image_refusals(suite, cosign, registry, log, verb):
    who = cosign.verifier("p256")
    reference, _ = image(cosign, registry, verb, "p256")
    bundle, _, _ = registry.bundle_of(reference)
    accepted, said = verify_image(cosign, verb, who, registry.with_bundle(reference, bundle))
    need(accepted, f"{verb}: refused as it was signed: {said}")
    for what, other in bundles.spoilt_v1(bundle).items():
        suite.refusal(f"{verb}.refuse.{what}", WORDS[what], verify_image, cosign, verb, who, registry.with_bundle(reference, other))
    suite.refusal(f"{verb}.refuse.other-root", SKIPPED, verify_image, cosign, verb, who, reference, root=bundles.other_root(log))
    suite.refusal(f"{verb}.refuse.wrong-key", WRONG_KEY, verify_image, cosign, verb, cosign.verifier("other"), reference)
    other = registry.with_bundle(reference, bundle, registry.image("interop/image"))
    suite.refusal(f"{verb}.refuse.wrong-artifact", MISMATCH, verify_image, cosign, verb, who, other)


with Suite("rekor-v1") as suite, rekor_v1("rekor-v1") as log, Registry() as registry:
    cosign = Cosign(log)
    for kind in ("p256", "rsa", "other"):
        cosign.import_key(kind)
    for name, kind in {"p256": "p256", "rsa": "rsa", "keyless": None}.items():
        suite.case(f"sign-blob.{name}", signed, cosign, sign_blob, kind, "hashedrekord")
        suite.case(f"attest-blob.{name}", signed, cosign, attest_blob, kind, "dsse")
        suite.case(f"sign.{name}", signed_image, cosign, registry, "sign", kind)
        suite.case(f"attest.{name}", signed_image, cosign, registry, "attest", kind)
    file_refusals(suite, cosign, log, "sign-blob", sign_blob, INVALID)
    file_refusals(suite, cosign, log, "attest-blob", attest_blob, MISMATCH)
    for verb in ("sign", "attest"):
        image_refusals(suite, cosign, registry, log, verb)
    # Without a signing configuration: what cosign v3 still takes of v2's flags.
    services = json.loads((place.SERVICES / "services.json").read_text())
    cosign.config = ["--use-signing-config=false", "--rekor-url", log.url, "--fulcio-url", services["caUrls"][0]["url"], "--yes"]
    suite.case("rekor-url.sign-blob", signed, cosign, sign_blob, "p256", "hashedrekord")
    suite.case("rekor-url.attest-blob", signed, cosign, attest_blob, "p256", "dsse")
    suite.case("rekor-url.sign", signed_image, cosign, registry, "sign", "p256")
    suite.case("rekor-url.attest", signed_image, cosign, registry, "attest", None)
    cosign.config[2] = f"{log.url}/logs/rekor-v1/"
    suite.case("rekor-url.path-and-slash", signed, cosign, sign_blob, "p256", "hashedrekord")
