"""cosign v3 on images in a local OCI registry: sign and attest, the bundle stored as a referrer of the image."""
from interop import bundles
from interop.cases import Failed, Suite
from interop.cosign import IDENTITY, WORDS, Cosign
from interop.registry import Registry
from interop.servers import server

NAME = "interop/image"


def make(cosign, registry, verb, kind):
    image = registry.image(NAME)
    extra = ["--predicate", cosign.predicate(), "--type", "custom"] if verb == "attest" else []
    return image, cosign.sign(verb, kind, *extra, image)


def verify(cosign, verb, who, image, root=None):
    extra = ["--type", "custom"] if verb == "attest" else []
    return cosign.verify({"sign": "verify", "attest": "verify-attestation"}[verb], who, *extra, image, root=root)


def signed(cosign, registry, verb, kind):
    image, bundle = make(cosign, registry, verb, kind)
    detail = cosign.check(bundle, kind, bundles.pae(bundle["dsseEnvelope"])) if kind else f"index {bundles.index(bundle)}, keyless"
    accepted, said = verify(cosign, verb, cosign.verifier(kind) if kind else IDENTITY, image)
    if not accepted:
        raise Failed(said)
    return f"{detail}, verified"


def refusals(suite, cosign, registry, log, verb):
    image, _ = make(cosign, registry, verb, "p256")
    bundle, _, _ = registry.bundle_of(image)
    who = cosign.verifier("p256")
    # The copy with the bundle as it is must pass: what is refused below is refused for what was altered.
    accepted, said = verify(cosign, verb, who, registry.with_bundle(image, bundle))
    if not accepted:
        raise Failed(f"{verb}: refused as it was signed: {said}")
    for what, spoilt in bundles.spoilt(bundle).items():
        suite.refusal(f"{verb}.refuse.{what}", WORDS[what], verify, cosign, verb, who, registry.with_bundle(image, spoilt))
    suite.refusal(f"{verb}.refuse.other-root", WORDS["other-root"], verify, cosign, verb, who, image, bundles.other_root(log))
    suite.refusal(f"{verb}.refuse.wrong-key", WORDS["wrong-key"], verify, cosign, verb, cosign.verifier("rsa"), image)
    other = registry.with_bundle(image, bundle, registry.image(NAME))
    suite.refusal(f"{verb}.refuse.wrong-artifact", WORDS["wrong-statement"], verify, cosign, verb, who, other)
    suite.refusal(f"{verb}.refuse.unsigned", "no (signatures|matching attestations)", verify, cosign, verb, who, registry.image(NAME))


with Suite("image") as suite, server("image") as log, Registry() as registry:
    cosign = Cosign(log)
    for kind in ("p256", "p384", "rsa"):
        cosign.import_key(kind)
        suite.case(f"sign.{kind}", signed, cosign, registry, "sign", kind)
        suite.case(f"attest.{kind}", signed, cosign, registry, "attest", kind)
    for verb in ("sign", "attest"):
        suite.case(f"{verb}.keyless", signed, cosign, registry, verb, None)
        refusals(suite, cosign, registry, log, verb)
