"""sigstore-js: message signatures by our signing configuration within its five seconds, verified; nothing altered is."""
import os

from interop import bundles
from interop.cases import Suite, need
from interop.javascript import Javascript
from interop.servers import server

WORDS = {
    "altered-proof": "TLOG_INCLUSION_PROOF_ERROR: calculated root hash does not match",
    "altered-root": "TLOG_INCLUSION_PROOF_ERROR: invalid checkpoint signature",
    "altered-checkpoint": "TLOG_INCLUSION_PROOF_ERROR: invalid checkpoint signature",
    "altered-index": "TLOG_INCLUSION_PROOF_ERROR",
    "dropped-entry": "TLOG_ERROR: expected 1 tlog entries, got 0",
}


def signed(js):
    artifact = os.urandom(40)
    bundle = js.sign(artifact)
    accepted, said = js.verify(js.log.trusted_root, bundle, artifact)
    need(accepted, said)
    return bundles.check_leaf(bundle, "PKIX_ECDSA_P256_SHA_256", "sha256", artifact)


def forty(js):
    """Forty at once, none of which may take five seconds, for the library gives up then and is told not to try again."""
    artifacts = [os.urandom(40) for _ in range(40)]
    made = js.sign_all(artifacts)
    for bundle, artifact in zip(made, artifacts, strict=True):
        accepted, said = js.verify(js.log.trusted_root, bundle, artifact)
        need(accepted, said)
    indexes = {bundles.index(bundle) for bundle in made}
    need(len(indexes) == 40, f"expected 40 indexes, found {len(indexes)}")
    return f"40 bundles, indexes {min(indexes)} to {max(indexes)}, each at the first attempt"


with Suite("js") as suite, server("js") as log, Javascript(log) as js:
    suite.case("sign-message", signed, js)
    suite.case("forty-at-once", forty, js)
    artifact = os.urandom(40)
    bundle, other = js.sign(artifact), js.sign(artifact)
    accepted, said = js.verify(log.trusted_root, bundle, artifact)
    need(accepted, f"refused as it was signed: {said}")
    for what, spoilt in bundles.spoilt(bundle).items():
        suite.refusal(f"refuse.{what}", WORDS[what], js.verify, log.trusted_root, spoilt, artifact)
    stranger = bundles.with_key_of(bundle, other)
    suite.refusal("refuse.wrong-key", "SIGNATURE_ERROR: signature verification failed", js.verify, log.trusted_root, stranger, artifact)
    suite.refusal("refuse.other-root", WORDS["altered-checkpoint"], js.verify, bundles.other_root(log), bundle, artifact)
    suite.refusal("refuse.wrong-artifact", "SIGNATURE_ERROR: signature verification failed", js.verify, log.trusted_root, bundle, os.urandom(40))
    suite.refusal("refuse.wrong-identity", "UNTRUSTED_SIGNER_ERROR: certificate identity error", js.verify, log.trusted_root, bundle, artifact, "somebody@else.test")
