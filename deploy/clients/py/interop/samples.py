"""What rekor-cli can log: a freshly signed sample of every kind. The one list of kinds is `KINDS`; each maker writes files
into a folder and gives a `Sample`."""
import base64
import datetime
import hashlib
import json
import os
import urllib.request
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives import serialization as ser
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, utils
from rfc3161_client import TimestampRequestBuilder

from . import pgp, place, tuf
from .bundles import b64, pae
from .sample import EMAIL, Sample, sha256, write

STATEMENT = "application/vnd.in-toto+json"


def pem(key):
    return key.public_key().public_bytes(ser.Encoding.PEM, ser.PublicFormat.SubjectPublicKeyInfo)


def certificate(key):
    """A certificate of its own making with an email address."""
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "interop")])
    now = datetime.datetime.now(datetime.timezone.utc)
    made = (x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
            .serial_number(x509.random_serial_number()).not_valid_before(now - datetime.timedelta(hours=1))
            .not_valid_after(now + datetime.timedelta(hours=1))
            .add_extension(x509.SubjectAlternativeName([x509.RFC822Name(EMAIL)]), critical=False).sign(key, hashes.SHA256()))
    return made.public_bytes(ser.Encoding.PEM)


def detached(kind, certified=False):
    """An ECDSA signature beside a file: hashedrekord, and rekord of format x509."""

    def make(folder):
        key, data = ec.generate_private_key(ec.SECP256R1()), os.urandom(40)
        return Sample(kind, "0.0.1", write(folder, "artifact", data), write(folder, "sig", key.sign(data, ec.ECDSA(hashes.SHA256()))),
                      write(folder, "pub", certificate(key) if certified else pem(key)), "x509", [sha256(data)], by_email=certified)

    return make


def ssh(folder):
    data = os.urandom(40)
    artifact, key = write(folder, "artifact", data), folder / f"{os.urandom(4).hex()}.ssh"
    place.must(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", EMAIL, "-f", key])
    place.must(["ssh-keygen", "-Y", "sign", "-q", "-n", "file", "-f", key, artifact])
    return Sample("rekord", "0.0.1", artifact, Path(f"{artifact}.sig"), Path(f"{key}.pub"), "ssh", [sha256(data)])


def minisign(folder):
    """As minisign writes it: BLAKE2b prehashed, with a signed comment."""
    key, data, number = ed25519.Ed25519PrivateKey.generate(), os.urandom(40), os.urandom(8)
    raw = key.public_key().public_bytes(ser.Encoding.Raw, ser.PublicFormat.Raw)
    signature, comment = key.sign(hashlib.blake2b(data).digest()), "interop"
    text = (f"untrusted comment: signature\n{b64(b'ED' + number + signature)}\n"
            f"trusted comment: {comment}\n{b64(key.sign(signature + comment.encode()))}\n")
    public = f"untrusted comment: minisign public key\n{b64(b'Ed' + number + raw)}\n"
    return Sample("rekord", "0.0.1", write(folder, "artifact", data), write(folder, "minisig", text), write(folder, "pub", public),
                  "minisign", [sha256(data)])


def envelope(kind, version):
    """A DSSE envelope over a statement with one subject."""

    def make(folder):
        key, subject = ec.generate_private_key(ec.SECP256R1()), os.urandom(32).hex()
        statement = {"_type": "https://in-toto.io/Statement/v1", "subject": [{"name": "artifact", "digest": {"sha256": subject}}],
                     "predicateType": "https://interop.test/predicate", "predicate": {}}
        signed = {"payloadType": STATEMENT, "payload": b64(json.dumps(statement).encode())}
        signed["signatures"] = [{"keyid": "", "sig": b64(key.sign(pae(signed), ec.ECDSA(hashes.SHA256())))}]
        data = json.dumps(signed).encode()
        # What Rekor finds an envelope's key by is its digest as any other: no search by key, but by --sha.
        found = [subject, sha256(base64.b64decode(signed["payload"])), sha256(pem(key))]
        return Sample(kind, version, write(folder, "envelope", data), None, write(folder, "pub", pem(key)), "x509", found,
                      by_artifact=(kind, version) != ("intoto", "0.0.2"), by_key=False)

    return make


def cbor(major, value):
    """The head of a CBOR item (RFC 8949 §3), of lengths below 65,536."""
    if value < 24:
        return bytes([major << 5 | value])
    return bytes([major << 5 | 24, value]) if value < 256 else bytes([major << 5 | 25]) + value.to_bytes(2, "big")


def cbor_bytes(data):
    return cbor(2, len(data)) + data


def cose(folder):
    """A COSE_Sign1 message (RFC 9052 §4.2) with ES256 and its payload inside."""
    key, payload = ec.generate_private_key(ec.SECP256R1()), os.urandom(40)
    protected = bytes.fromhex("a10126")
    to_sign = cbor(4, 4) + cbor(3, 10) + b"Signature1" + cbor_bytes(protected) + cbor_bytes(b"") + cbor_bytes(payload)
    r, s = utils.decode_dss_signature(key.sign(to_sign, ec.ECDSA(hashes.SHA256())))
    message = cbor(6, 18) + cbor(4, 4) + cbor_bytes(protected) + cbor(5, 0) + cbor_bytes(payload) + cbor_bytes(r.to_bytes(32, "big") + s.to_bytes(32, "big"))
    return Sample("cose", "0.0.1", write(folder, "cose", message), None, write(folder, "pub", pem(key)), "x509", [sha256(payload)])


def rfc3161(folder):
    """A time-stamp token, from the timestamp authority of the tests."""
    url = json.loads((place.SERVICES / "services.json").read_text())["tsaUrls"][0]["url"]
    asked = TimestampRequestBuilder().data(os.urandom(40)).cert_request(cert_request=True).nonce(nonce=True).build().as_bytes()
    request = urllib.request.Request(url, data=asked, headers={"Content-Type": "application/timestamp-query"})
    with urllib.request.urlopen(request, timeout=20) as answer:
        token = answer.read()
    return Sample("rfc3161", "0.0.1", write(folder, "tsr", token), found=[sha256(token)], by_key=False)


# Case name -> how to make one.
KINDS = {
    "hashedrekord": detached("hashedrekord"),
    "hashedrekord-certificate": detached("hashedrekord", certified=True),
    "rekord-x509": detached("rekord", certified=True),
    "rekord-ssh": ssh,
    "rekord-minisign": minisign,
    "intoto-0.0.1": envelope("intoto", "0.0.1"),
    "intoto-0.0.2": envelope("intoto", "0.0.2"),
    "dsse": envelope("dsse", "0.0.1"),
    "cose": cose,
    "rfc3161": rfc3161,
    "rekord-pgp": pgp.detached,
    "helm": pgp.helm,
    "tuf": tuf.metadata,
}
