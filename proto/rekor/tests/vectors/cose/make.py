"""Makes vectors.json with Python's cryptography (OpenSSL): COSE_Sign1 messages that are taken, and ones that are not.

Keys are fresh at every run and thrown away, so a new run gives another file of the same shape.
"""
import base64, json, pathlib
from cryptography.hazmat.primitives import hashes, serialization as ser
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, utils

b64 = lambda b: base64.b64encode(b).decode()
STATEMENT = json.dumps({"_type": "https://in-toto.io/Statement/v1", "predicateType": "x", "predicate": {"materials": [
    {"digest": {"sha256": "bb" * 32}}]}, "subject": [{"name": "a", "digest": {"sha256": "AA" * 32}}]}).encode()


def head(kind, n):
    return bytes([kind << 5 | n]) if n < 24 else bytes([kind << 5 | 24, n]) if n < 256 else bytes([kind << 5 | 25]) + n.to_bytes(2, "big")


def cbor(v):
    if isinstance(v, int):
        return head(0, v) if v >= 0 else head(1, -1 - v)
    if isinstance(v, bytes):
        return head(2, len(v)) + v
    if isinstance(v, str):
        return head(3, len(v)) + v.encode()
    if isinstance(v, list):
        return head(4, len(v)) + b"".join(map(cbor, v))
    if isinstance(v, dict):
        return head(5, len(v)) + b"".join(cbor(k) + cbor(x) for k, x in v.items())


def es256(key, m):
    r, s = utils.decode_dss_signature(key.sign(m, ec.ECDSA(hashes.SHA256())))
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


es_der = lambda key, m: key.sign(m, ec.ECDSA(hashes.SHA256()))
ps256 = lambda key, m: key.sign(m, padding.PSS(padding.MGF1(hashes.SHA256()), 32), hashes.SHA256())
rs256 = lambda key, m: key.sign(m, padding.PKCS1v15(), hashes.SHA256())
ed = lambda key, m: key.sign(m)
p256, p384 = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP384R1())
rsa2048, rsa1024 = rsa.generate_private_key(65537, 2048), rsa.generate_private_key(65537, 1024)
ed25519_key = ed25519.Ed25519PrivateKey.generate()


def message(key=p256, sign=es256, protected={1: -7}, unprotected={}, payload=b"a payload", aad=b"", prefix=b"\xd2\x84", behind=b""):
    body = protected if isinstance(protected, bytes) else cbor(protected)
    signature = sign(key, cbor(["Signature1", body, aad, payload or b""]))
    raw = unprotected if isinstance(unprotected, bytes) else cbor(unprotected)
    made = prefix + cbor(body) + raw + (b"\xf6" if payload is None else cbor(payload)) + cbor(signature) + behind
    pem = key.public_key().public_bytes(ser.Encoding.PEM, ser.PublicFormat.SubjectPublicKeyInfo)
    return {"message": b64(made), "publicKey": b64(pem), "data": {"aad": b64(aad)} if aad else {}}


taken = {
    "es256": message(unprotected={4: b"key id", "text": [1, {"a": b""}], -700: 1}),
    "ps256": message(rsa2048, ps256, {1: -37}),
    "aad": message(aad=b"additional data"),
    "aad-without-algorithm": message(protected=b"", aad=b"additional data"),
    "critical": message(protected={1: -7, 2: ["mine"], "mine": 1}),
    "content-format": message(protected={1: -7, 3: 50}),
    "empty-payload": message(payload=b""),
    "statement": message(protected={1: -7, 3: "application/vnd.in-toto+json"}, payload=STATEMENT),
    "statement-of-another-type": message(protected={1: -7, 3: "application/json"}, payload=STATEMENT),
    "statement-that-is-none": message(protected={1: -7, 3: "application/vnd.in-toto+json"}, payload=b"{"),
}
ALGORITHM = "the algorithm of the key in its protected header"
MAP, OUTER = "a protected header that is a map of labels", "an unprotected header that is a map of labels"
refused = [
    (ALGORITHM, "no-algorithm", message(protected=b"")), (ALGORITHM, "no-algorithm-in-map", message(protected={4: b"k"})),
    (ALGORITHM, "algorithm-of-rsa", message(protected={1: -37})), (ALGORITHM, "algorithm-as-text", message(protected={1: "ES256"})),
    (ALGORITHM, "algorithm-of-es384-with-aad", message(protected={1: -35}, aad=b"a")),
    (MAP, "label-twice", message(protected=b"\xa2\x01\x26\x01\x26")), (MAP, "critical-absent", message(protected={1: -7, 2: ["other"]})),
    (MAP, "critical-none", message(protected={1: -7, 2: []})), (MAP, "label-of-bytes", message(protected={1: -7, b"a": 1})),
    (MAP, "behind-the-header", message(protected=b"\xa1\x01\x26\x00")), (MAP, "array", message(protected=b"\x80")),
    (OUTER, "unprotected-array", message(unprotected=b"\x80")), (OUTER, "unprotected-indefinite", message(unprotected=b"\xbf\xff")),
    (OUTER, "unprotected-deep", message(unprotected=b"\xa1\x0a" + b"\x81" * 40 + b"\x00")),
    ("tag 18 before four parts", "untagged", message(prefix=b"\x84")), ("tag 18 before four parts", "sign", message(prefix=b"\xd8\x62\x84")),
    ("its payload inside", "detached", message(payload=None)), ("a signature", "empty-signature", message(sign=lambda *_: b"")),
    ("nothing behind the signature", "trailing", message(behind=b"\x00")),
    ("an es256 signature of 64 bytes", "der-signature", message(sign=es_der)),
    ("signature", "pkcs1-signature", message(rsa2048, rs256, {1: -37})), ("signature", "rsa-1024", message(rsa1024, ps256, {1: -37})),
    ("signature", "another-signature", message(sign=lambda key, m: es256(key, m + b"x"))),
    ("key", "p384", message(p384, es_der)), ("key", "ed25519", message(ed25519_key, ed)),
]
refused = {name: [why, spec] for why, name, spec in refused}
pathlib.Path(__file__).with_name("vectors.json").write_text(json.dumps({"taken": taken, "refused": refused}, indent=1) + "\n")
