"""cosign 2.6.2 through Rekor v1 by --rekor-url: files and images, with keys and without, offline and by asking the log."""
import base64
import json

from cryptography.hazmat.primitives import serialization as ser
from cryptography.hazmat.primitives.asymmetric import ec
from interop import bundles
from interop.cases import Suite, need
from interop.cosign import IDENTITY
from interop.cosign_v2 import CosignV2, rekor_of, spoilt, with_annotation
from interop.registry import Registry
from interop.servers import rekor_v1

ATTESTATION = ["--type", "custom"]
NAME = "interop/image"
KINDS = {"p256": "p256", "rsa": "rsa", "keyless": None}
STRANGER = ["--certificate-identity", "somebody@else.test", *IDENTITY[2:]]
# What cosign v2 says to an entry that is not the log's, or not of this signature.
WORDS = {
    "altered-timestamp": "unable to verify SET", "altered-time": "unable to verify SET", "altered-index": "unable to verify SET",
    "altered-body": "implementation for version '0.0.2' not found",
}
WRONG_KEY = "error verifying bundle: comparing public key PEMs"
OTHER_LOG = "rekor log public key not found for payload"


def who(kind):
    return ["--key", f"{kind}.pub"] if kind else IDENTITY


def attest(cosign, *more):
    return ["--predicate", cosign.predicate(), *ATTESTATION, *more]


def check(rekor, kind):
    body = json.loads(base64.b64decode(rekor["Payload"]["body"]))
    need(f"{body['kind']} {body['apiVersion']}" == kind, f"expected {kind}, found {body['kind']} {body['apiVersion']}")
    return f"{kind} at index {rekor['Payload']['logIndex']}, verified"


def must(cosign, verb, whom, *arguments):
    accepted, said = cosign.attempt(verb, whom, *arguments)
    need(accepted, said)
    return said


def sign_blob(cosign, kind):
    artifact = cosign.file()
    return artifact, cosign.blob("sign-blob", kind, artifact)


def attest_blob(cosign, kind, *more):
    artifact = cosign.file()
    return artifact, cosign.blob("attest-blob", kind, *attest(cosign, *more), artifact)


def verify_file(cosign, verb, whom, bundle, artifact, **options):
    path = cosign.file(json.dumps(bundle).encode(), ".json")
    extra = ATTESTATION if verb == "verify-blob-attestation" else []
    return cosign.attempt(verb, whom, "--bundle", path, *extra, artifact, **options)


def signed_file(cosign, kind):
    artifact, bundle = sign_blob(cosign, kind)
    accepted, said = verify_file(cosign, "verify-blob", who(kind), bundle, artifact)
    need(accepted, said)
    return check(bundle["rekorBundle"], "hashedrekord 0.0.1")


def attested_file(cosign, kind, entry, *more):
    artifact, bundle = attest_blob(cosign, kind, *more)
    accepted, said = verify_file(cosign, "verify-blob-attestation", who(kind), bundle, artifact)
    need(accepted, said)
    return check(bundle["rekorBundle"], entry)


def asked(cosign):
    """A signature without a bundle: cosign asks the log for the entry, and verifies what it is given."""
    artifact, bundle = sign_blob(cosign, "p256")
    signature = cosign.file(bundle["base64Signature"].encode(), ".sig")
    must(cosign, "verify-blob", who("p256"), "--signature", signature, artifact)
    return check(bundle["rekorBundle"], "hashedrekord 0.0.1")


def new_bundle(cosign, log):
    """A Sigstore bundle, as cosign v3 makes them, verified against the trusted root; without keys from the environment."""
    artifact, out = cosign.file(), cosign.file(b"", ".bundle.json")
    cosign.upload("sign-blob", "p256", "--new-bundle-format", "--bundle", out, artifact)
    must(cosign, "verify-blob", who("p256"), "--new-bundle-format", "--trusted-root", log.trusted_root, "--bundle", out, artifact)
    entry = bundles.entry(json.loads(out.read_text()))
    need(entry["inclusionPromise"]["signedEntryTimestamp"] and entry["inclusionProof"]["checkpoint"], f"found {entry}")
    return f"index {entry['logIndex']}"


def again(cosign):
    """RSA signs the same bytes the same way: the second upload is a 409, and cosign v2 takes the first one's entry."""
    artifact = cosign.file()
    first, second = cosign.blob("sign-blob", "rsa", artifact), cosign.blob("sign-blob", "rsa", artifact)
    need(first["rekorBundle"]["Payload"] == second["rekorBundle"]["Payload"], f"two entries: {first} {second}")
    accepted, said = verify_file(cosign, "verify-blob", who("rsa"), second, artifact)
    need(accepted, said)
    return f"both at index {second['rekorBundle']['Payload']['logIndex']}"


def trailing_slash(cosign):
    url, cosign.url = cosign.url, cosign.url + "/"
    try:
        return signed_file(cosign, "p256")
    finally:
        cosign.url = url


def image(cosign, registry, kind, suffix, *more):
    """An image signed (SUFFIX sig) or attested (att)."""
    reference = registry.image(NAME)
    extra = attest(cosign, *more) if suffix == "att" else []
    cosign.upload({"sig": "sign", "att": "attest"}[suffix], kind, *extra, reference)
    return reference


def verify_image(cosign, suffix, whom, reference, *arguments, **options):
    verb, extra = {"sig": ("verify", []), "att": ("verify-attestation", ATTESTATION)}[suffix]
    return cosign.attempt(verb, whom, *extra, *arguments, reference, **options)


def signed_image(cosign, registry, kind, suffix, entry, *more):
    reference = image(cosign, registry, kind, suffix, *more)
    accepted, said = verify_image(cosign, suffix, who(kind), reference, "--offline")
    need(accepted, said)
    return check(rekor_of(registry, reference, suffix), entry)


def asked_image(cosign, registry, suffix):
    """The signature in the registry says nothing of the log: cosign asks it."""
    bare = with_annotation(registry, image(cosign, registry, "p256", suffix), suffix, None)
    accepted, said = verify_image(cosign, suffix, who("p256"), bare)
    need(accepted, said)
    return "found in the log"


def other_key(cosign):
    public = ec.generate_private_key(ec.SECP256R1()).public_key()
    return cosign.file(public.public_bytes(ser.Encoding.PEM, ser.PublicFormat.SubjectPublicKeyInfo), ".pub")


def file_refusals(suite, cosign, name, make, verb, other_entry, wrong_artifact):
    artifact, bundle = make(cosign, "p256")
    accepted, said = verify_file(cosign, verb, who("p256"), bundle, artifact)
    need(accepted, f"{name}: refused as it was signed: {said}")

    def refuse(what, words, *arguments, **options):
        suite.refusal(f"{name}.refuse.{what}", words, verify_file, cosign, verb, *arguments, **options)

    for what, rekor in spoilt(bundle["rekorBundle"]).items():
        refuse(what, WORDS[what], who("p256"), {**bundle, "rekorBundle": rekor}, artifact)
    _, other = make(cosign, "p256")
    refuse("other-entry", other_entry, who("p256"), {**bundle, "rekorBundle": other["rekorBundle"]}, artifact)
    refuse("other-log", OTHER_LOG, who("p256"), bundle, artifact, log_key=other_key(cosign))
    refuse("wrong-artifact", wrong_artifact, who("p256"), bundle, cosign.file())
    stranger, theirs = make(cosign, None)
    refuse("wrong-identity", "none of the expected identities matched", STRANGER, theirs, stranger)
    # A key that is named verifies the bundle only if the bundle holds none.
    refuse("wrong-key", WRONG_KEY, ["--key", other_key(cosign)], {**bundle, "cert": ""}, artifact)


def unlogged(cosign):
    """Signed, and never sent to the log."""
    artifact, out = cosign.file(), cosign.file(b"", ".sig")
    cosign.must("sign-blob", "--key", "p256.key", "--tlog-upload=false", "--yes", "--output-signature", out, artifact)
    return cosign.attempt("verify-blob", who("p256"), "--signature", out, artifact)


def unlogged_image(cosign, registry, suffix, *arguments):
    reference = registry.image(NAME)
    extra = attest(cosign) if suffix == "att" else []
    cosign.must({"sig": "sign", "att": "attest"}[suffix], "--key", "p256.key", "--tlog-upload=false", "--yes", *extra, reference)
    return verify_image(cosign, suffix, who("p256"), reference, *arguments)


def image_refusals(suite, cosign, registry, name, suffix):
    reference = image(cosign, registry, "p256", suffix)
    rekor = rekor_of(registry, reference, suffix)
    accepted, said = verify_image(cosign, suffix, who("p256"), with_annotation(registry, reference, suffix, rekor))
    need(accepted, f"{name}: refused as it was signed: {said}")

    def refuse(what, words, *arguments, **options):
        suite.refusal(f"{name}.refuse.{what}", words, verify_image, cosign, suffix, *arguments, **options)

    for what, altered in spoilt(rekor).items():
        refuse(what, WORDS[what], who("p256"), with_annotation(registry, reference, suffix, altered))
    refuse("other-log", OTHER_LOG, who("p256"), reference, log_key=other_key(cosign))
    refuse("wrong-key", WRONG_KEY, ["--key", other_key(cosign)], reference)
    refuse("unsigned", "no signatures found|no matching attestations: *\n", who("p256"), registry.image(NAME))
    bare = with_annotation(registry, reference, suffix, None)
    refuse("offline-without-entry", "offline verification failed", who("p256"), bare, "--offline")
    suite.refusal(f"{name}.refuse.unlogged", "signature not found in transparency log", unlogged_image, cosign, registry, suffix)


with Suite("cosign-v2") as suite, rekor_v1("cosign-v2") as log, Registry() as registry:
    cosign = CosignV2(log)
    for kind in ("p256", "rsa"):
        cosign.import_key(kind)
    for name, kind in KINDS.items():
        suite.case(f"sign-blob.{name}", signed_file, cosign, kind)
        suite.case(f"attest-blob.{name}", attested_file, cosign, kind, "dsse 0.0.1")
        suite.case(f"sign.{name}", signed_image, cosign, registry, kind, "sig", "hashedrekord 0.0.1")
        suite.case(f"attest.{name}", signed_image, cosign, registry, kind, "att", "dsse 0.0.1")
    suite.case("attest-blob.intoto", attested_file, cosign, "p256", "intoto 0.0.1", "--rekor-entry-type", "intoto")
    suite.case("attest.intoto", signed_image, cosign, registry, "p256", "att", "intoto 0.0.1", "--rekor-entry-type", "intoto")
    suite.case("sign-blob.asked", asked, cosign)
    suite.case("sign.asked", asked_image, cosign, registry, "sig")
    suite.case("attest.asked", asked_image, cosign, registry, "att")
    suite.case("sign-blob.new-bundle", new_bundle, cosign, log)
    suite.case("duplicate", again, cosign)
    suite.case("url-with-trailing-slash", trailing_slash, cosign)
    file_refusals(suite, cosign, "sign-blob", sign_blob, "verify-blob", "signature in bundle does not match signature being verified", "matching bundle to payload")
    file_refusals(suite, cosign, "attest-blob", attest_blob, "verify-blob-attestation", "matching bundle to payload", "no matching subject digest found")
    suite.refusal("sign-blob.refuse.unlogged", "signature not found in transparency log", unlogged, cosign)
    image_refusals(suite, cosign, registry, "sign", "sig")
    image_refusals(suite, cosign, registry, "attest", "att")
