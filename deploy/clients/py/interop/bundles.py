"""Sigstore bundles: what they say, and every way in which the suites spoil one."""
import base64
import copy
import hashlib
import json

from cryptography.hazmat.primitives import serialization as ser
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from . import place
from .cases import need


def b64(raw):
    return base64.b64encode(raw).decode()


def flipped(text):
    """base64 with the first byte's lowest bit changed."""
    raw = base64.b64decode(text)
    return b64(bytes([raw[0] ^ 1]) + raw[1:])


def entry(bundle):
    entries = bundle["verificationMaterial"]["tlogEntries"]
    need(len(entries) == 1, f"expected one log entry in the bundle, found {len(entries)}")
    return entries[0]


def index(bundle):
    return int(entry(bundle).get("logIndex", "0"))


def leaf(bundle):
    """The logged entry's `data` and `verifier`."""
    body = json.loads(base64.b64decode(entry(bundle)["canonicalizedBody"]))
    need((body["apiVersion"], body["kind"]) == ("0.0.2", "hashedrekord"), f"expected hashedrekord 0.0.2, found {body}")
    spec = body["spec"]["hashedRekordV002"]
    return spec["data"], spec["signature"]["verifier"]


def pae(envelope):
    """What a DSSE signature signs."""
    payload, kind = base64.b64decode(envelope["payload"]), envelope["payloadType"].encode()
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)


def check_leaf(bundle, key_details, hash_name, message):
    """The log holds the digest of `message` under the key's own algorithm; gives a detail for the case's line."""
    data, verifier = leaf(bundle)
    want = {"algorithm": {"sha256": "SHA2_256", "sha384": "SHA2_384", "sha512": "SHA2_512"}[hash_name],
            "digest": b64(hashlib.new(hash_name, message).digest())}
    need(verifier["keyDetails"] == key_details, f"logged as {verifier['keyDetails']}, expected {key_details}")
    need(data == want, f"logged {data}, expected {want}")
    return f"index {index(bundle)}, {key_details}"


def _note_with(note, line, change):
    lines = note.split("\n")
    lines[line] = change(lines[line])
    return "\n".join(lines)


def _signature_flipped(line):
    head, signature = line.rsplit(" ", 1)
    raw = bytearray(base64.b64decode(signature))
    raw[-1] ^= 1
    return f"{head} {b64(bytes(raw))}"


def spoilt(bundle):
    """Name -> the bundle with one thing wrong. Its entry must not be the log's first."""
    need(index(bundle) > 0 and entry(bundle)["inclusionProof"]["hashes"], "expected an entry with others before it")
    out = {}

    def alter(name, change):
        copied = copy.deepcopy(bundle)
        change(copied, entry(copied), entry(copied)["inclusionProof"])
        out[name] = copied

    def proof(_, __, p):
        p["hashes"][0] = flipped(p["hashes"][0])

    def root(_, __, p):
        p["rootHash"] = flipped(p["rootHash"])
        p["checkpoint"]["envelope"] = _note_with(p["checkpoint"]["envelope"], 2, flipped)

    def signature(_, __, p):
        p["checkpoint"]["envelope"] = _note_with(p["checkpoint"]["envelope"], 4, _signature_flipped)

    def other_index(_, e, p):
        e["logIndex"] = p["logIndex"] = str(index(bundle) - 1)

    def dropped(b, *_):
        b["verificationMaterial"]["tlogEntries"] = []

    alter("altered-proof", proof)
    alter("altered-root", root)
    alter("altered-checkpoint", signature)
    alter("altered-index", other_index)
    alter("dropped-entry", dropped)
    return out


def spoilt_v1(bundle):
    """The same of a bundle by Rekor v1, and what only that has: a signed entry timestamp."""
    out = spoilt(bundle)

    def alter(name, change):
        out[name] = copy.deepcopy(bundle)
        change(entry(out[name]))

    def timestamp(e):
        raw = bytearray(base64.b64decode(e["inclusionPromise"]["signedEntryTimestamp"]))
        raw[-1] ^= 1
        e["inclusionPromise"]["signedEntryTimestamp"] = b64(bytes(raw))

    alter("altered-timestamp", timestamp)
    alter("altered-time", lambda e: e.update(integratedTime=str(int(e["integratedTime"]) + 1)))
    return out


def check_v1(bundle, kind, version="0.0.1"):
    """The entry is of Rekor v1 and of this kind; gives a detail for the case's line."""
    found = entry(bundle)
    need(found["kindVersion"] == {"kind": kind, "version": version}, f"found {found['kindVersion']}, expected {kind} {version}")
    need(int(found["integratedTime"]) > 0, "no integrated time")
    need(found["inclusionPromise"]["signedEntryTimestamp"], "no signed entry timestamp")
    return f"{kind} {version} at index {index(bundle)}, verified"


def with_key_of(bundle, other):
    """The bundle with the certificate of another."""
    copied = copy.deepcopy(bundle)
    for member in ("certificate", "x509CertificateChain"):
        if member in other["verificationMaterial"]:
            copied["verificationMaterial"][member] = other["verificationMaterial"][member]
    need(copied != bundle, "both bundles have one certificate")
    return copied


def _other_key(details):
    """A new key of the kind that these details name, as DER, and what the log is called by it."""
    if details == "PKIX_ED25519":
        public = ed25519.Ed25519PrivateKey.generate().public_key()
        named = b"localhost\n\x01" + public.public_bytes(ser.Encoding.Raw, ser.PublicFormat.Raw)
    else:
        public = ec.generate_private_key(ec.SECP256R1()).public_key()
        named = public.public_bytes(ser.Encoding.DER, ser.PublicFormat.SubjectPublicKeyInfo)
    return public.public_bytes(ser.Encoding.DER, ser.PublicFormat.SubjectPublicKeyInfo), hashlib.sha256(named).digest()


def other_root(server):
    """A trusted root in which each log has another key."""
    root = json.loads(server.trusted_root.read_text())
    for log in root["tlogs"]:
        key, name = _other_key(log["publicKey"]["keyDetails"])
        log["publicKey"]["rawBytes"], log["logId"]["keyId"] = b64(key), b64(name)
    path = place.WORK / f"{server.dir.name}.other_root.json"
    path.write_text(json.dumps(root))
    return path
