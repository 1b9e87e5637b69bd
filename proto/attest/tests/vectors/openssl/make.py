"""Makes vectors.json with Python's cryptography (OpenSSL): keys, certificates and signatures of every algorithm taken, and keys that are refused.

Keys are fresh at every run and thrown away, so a new run gives another file of the same shape.
"""
import base64, datetime, hashlib, json, sys
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization as ser
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, ed448, padding, rsa, utils, x25519

b64 = lambda b: base64.b64encode(b).decode()
spki = lambda k: k.public_key().public_bytes(ser.Encoding.DER, ser.PublicFormat.SubjectPublicKeyInfo)
MESSAGE = b"what was signed, " * 40
HASHES = {"sha256": hashes.SHA256(), "sha384": hashes.SHA384(), "sha512": hashes.SHA512()}


def certificate(key):
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
    algorithm = None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    return (x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
            .serial_number(x509.random_serial_number()).not_valid_before(datetime.datetime(2026, 1, 1))
            .not_valid_after(datetime.datetime(2026, 1, 2)).sign(key, algorithm).public_bytes(ser.Encoding.DER))


def signatures(key):
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return [{"form": "pure", "digest": "sha512", "signature": b64(key.sign(MESSAGE))}]
    out = []
    for name, h in HASHES.items():
        if isinstance(key, rsa.RSAPrivateKey):
            out.append({"form": "pkcs1v15", "digest": name, "signature": b64(key.sign(MESSAGE, padding.PKCS1v15(), h))})
        else:
            der = key.sign(MESSAGE, ec.ECDSA(h))
            width = (key.curve.key_size + 7) // 8
            raw = b"".join(n.to_bytes(width, "big") for n in utils.decode_dss_signature(der))
            out += [{"form": "der", "digest": name, "signature": b64(der)}, {"form": "raw", "digest": name, "signature": b64(raw)}]
    return out


keys = {"ecdsa-p256": ec.generate_private_key(ec.SECP256R1()), "ecdsa-p384": ec.generate_private_key(ec.SECP384R1()),
        "ecdsa-p521": ec.generate_private_key(ec.SECP521R1()), "ed25519": ed25519.Ed25519PrivateKey.generate(),
        **{f"rsa-{n}": rsa.generate_private_key(65537, n) for n in (2048, 3072, 4096)}}
p256, rsa2048 = keys["ecdsa-p256"], keys["rsa-2048"]
point = p256.public_key().public_bytes(ser.Encoding.X962, ser.PublicFormat.UncompressedPoint)
compressed = p256.public_key().public_bytes(ser.Encoding.X962, ser.PublicFormat.CompressedPoint)
good = spki(p256)
ed = spki(keys["ed25519"])
refused = {
    "rsa-1024": spki(rsa.generate_private_key(65537, 1024)), "rsa-2056": spki(rsa.generate_private_key(65537, 2056)),
    "secp256k1": spki(ec.generate_private_key(ec.SECP256K1())), "p-224": spki(ec.generate_private_key(ec.SECP224R1())),
    "x25519": spki(x25519.X25519PrivateKey.generate()), "ed448": spki(ed448.Ed448PrivateKey.generate()),
    "dsa": spki(dsa.generate_private_key(1024)),
    "pkcs1": rsa2048.public_key().public_bytes(ser.Encoding.DER, ser.PublicFormat.PKCS1),
    "bare-point": point, "trailing-byte": good + b"\0", "truncated": good[:-1], "empty": b"",
    "point-off-the-curve": good[:-1] + bytes([good[-1] ^ 1]), "zero-point": good[:-65] + b"\4" + bytes(64),
    "point-at-infinity": bytes.fromhex("3019301306072a8648ce3d020106082a8648ce3d03010703020000"),
    "compressed-point": bytes.fromhex("3039301306072a8648ce3d020106082a8648ce3d030107032200") + compressed,
    "private-key": p256.private_bytes(ser.Encoding.DER, ser.PrivateFormat.PKCS8, ser.NoEncryption()),
    "long-length": b"\x30\x81" + good[1:], "ed25519-with-parameters": bytes.fromhex("302c300706032b65700500032100") + ed[12:],
    "ed25519-small-order": ed[:12] + bytes([1]) + bytes(31), "ed25519-short": bytes.fromhex("3029300506032b6570032000") + ed[12:43],
}
json.dump({"message": b64(MESSAGE),
           "keys": {n: {"spki": b64(spki(k)), "fingerprint": hashlib.sha256(spki(k)).hexdigest(), "certificate": b64(certificate(k)), "signatures": signatures(k)} for n, k in keys.items()},
           "pss": {"key": "rsa-2048", "signature": b64(rsa2048.sign(MESSAGE, padding.PSS(padding.MGF1(hashes.SHA256()), 32), hashes.SHA256()))},
           "refused": {n: b64(b) for n, b in refused.items()}}, sys.stdout, indent=1)
