"""sigstore-js through Rekor v1, by the signing configuration and by `rekorURL`: verified, and nothing altered is."""
import json
import os

from interop import bundles
from interop.cases import Suite, need
from interop.javascript import Javascript
from interop.servers import rekor_v1

PROMISE = "TLOG_INCLUSION_PROMISE_ERROR: inclusion promise could not be verified"
WORDS = {
    "altered-proof": "TLOG_INCLUSION_PROOF_ERROR: calculated root hash does not match",
    "altered-root": "TLOG_INCLUSION_PROOF_ERROR: invalid checkpoint signature",
    "altered-checkpoint": "TLOG_INCLUSION_PROOF_ERROR: invalid checkpoint signature",
    # The timestamp is over the index.
    "altered-index": PROMISE,
    "dropped-entry": "TLOG_ERROR: expected 1 tlog entries, got 0",
    "altered-timestamp": PROMISE,
    "altered-time": PROMISE,
}


def data_of(dsse):
    """What is signed: any bytes, or a statement."""
    if not dsse:
        return os.urandom(40)
    subject = [{"name": "artifact", "digest": {"sha256": os.urandom(32).hex()}}]
    return json.dumps({"_type": "https://in-toto.io/Statement/v1", "subject": subject, "predicateType": "https://interop.test/predicate", "predicate": {}}).encode()


def must_verify(js, bundle, data):
    accepted, said = js.verify(js.log.trusted_root, bundle, data)
    need(accepted, said)


def configured(js, dsse, kind):
    data = data_of(dsse)
    bundle = js.sign(data, dsse)
    must_verify(js, bundle, data)
    return bundles.check_v1(bundle, kind)


def by_url(js, dsse, kind, version, **more):
    data = data_of(dsse)
    bundle = js.sign_at(data, dsse, **more)
    must_verify(js, bundle, data)
    return bundles.check_v1(bundle, kind, version)


def fetched(js):
    """RSA signs the same bytes the same way: of the 409 it takes the entry that is there, if it may."""
    data = data_of(False)
    first, second = [js.sign_at(data, False, rsa=True, fetchOnConflict=True) for _ in range(2)]
    need(bundles.entry(first) == bundles.entry(second), f"two entries: {first} {second}")
    return f"both at index {bundles.index(second)}"


def conflict(js):
    data = data_of(False)
    js.sign_at(data, False, rsa=True)
    answer = js.try_sign_at(data, False, rsa=True)
    return answer["ok"], answer.get("said", "signed")


def refusals(suite, js, name, dsse):
    data = data_of(dsse)
    bundle, other = js.sign(data, dsse), js.sign(data, dsse)
    must_verify(js, bundle, data)
    for what, spoilt in bundles.spoilt_v1(bundle).items():
        suite.refusal(f"{name}.refuse.{what}", WORDS[what], js.verify, js.log.trusted_root, spoilt, data)
    stranger = bundles.with_key_of(bundle, other)
    suite.refusal(f"{name}.refuse.wrong-key", "SIGNATURE_ERROR: signature verification failed", js.verify, js.log.trusted_root, stranger, data)
    suite.refusal(f"{name}.refuse.other-root", PROMISE, js.verify, bundles.other_root(js.log), bundle, data)
    suite.refusal(f"{name}.refuse.wrong-identity", "UNTRUSTED_SIGNER_ERROR: certificate identity error", js.verify, js.log.trusted_root,
                  bundle, data, "somebody@else.test")
    return bundle


with Suite("js-v1") as suite, rekor_v1("js-v1") as log, Javascript(log) as js:
    suite.case("sign-message", configured, js, False, "hashedrekord")
    suite.case("sign-dsse", configured, js, True, "dsse")
    suite.case("rekor-url.message", by_url, js, False, "hashedrekord", "0.0.1")
    suite.case("rekor-url.dsse", by_url, js, True, "dsse", "0.0.1", entryType="dsse")
    suite.case("rekor-url.intoto", by_url, js, True, "intoto", "0.0.2", entryType="intoto")
    suite.case("duplicate.fetched", fetched, js)
    suite.refusal("duplicate.refuse", "TLOG_CREATE_ENTRY_ERROR: error creating tlog entry.*409.*an equivalent entry already exists", conflict, js)
    message = refusals(suite, js, "message", False)
    suite.refusal("message.refuse.wrong-artifact", "SIGNATURE_ERROR: signature verification failed", js.verify, log.trusted_root, message, os.urandom(40))
    statement = refusals(suite, js, "dsse", True)
    statement["dsseEnvelope"]["payload"] = bundles.b64(data_of(True))
    suite.refusal("dsse.refuse.altered-payload", "TLOG_BODY_ERROR: DSSE payload hash mismatch", js.verify, log.trusted_root, statement, b"")
