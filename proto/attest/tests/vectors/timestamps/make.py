"""Makes vectors.json with the openssl command: time-stamp responses that verify, by what they are signed with.

Keys are fresh at every run and thrown away, so a new run gives another file of the same shape.
"""
import base64, json, pathlib, subprocess, tempfile

CONF = """
[req]
distinguished_name = dn
[dn]
[tsa_cert]
extendedKeyUsage = critical,timeStamping
[tsa]
default_tsa = t
[t]
serial = serial
default_policy = 1.2.3.4.1
digests = sha256, sha384, sha512
signer_digest = {digest}
"""


def run(where, *command):
    return subprocess.run(command, cwd=where, check=True, capture_output=True).stdout


def authority(where, digest, *key):
    (where / "conf").write_text(CONF.format(digest=digest))
    (where / "serial").write_text("01\n")
    (where / "data").write_bytes(b"what was stamped")
    run(where, "openssl", "req", "-x509", "-newkey", *key, "-nodes", "-keyout", "key", "-out", "cert", "-days", "3650",
        "-subj", "/CN=stamps", "-config", "conf", "-extensions", "tsa_cert")
    run(where, "openssl", "ts", "-query", "-data", "data", "-sha256", "-cert", "-out", "query")


def response(digest, *key, extra=()):
    with tempfile.TemporaryDirectory() as folder:
        where = pathlib.Path(folder)
        authority(where, digest, *key)
        run(where, "openssl", "ts", "-reply", "-config", "conf", "-queryfile", "query", "-signer", "cert", "-inkey", "key",
            "-out", "reply", *extra)
        return (where / "reply").read_bytes()


def der(tag, *parts):
    body = b"".join(parts)
    size = len(body).to_bytes((len(body).bit_length() + 7) // 8, "big")
    return bytes([tag]) + (bytes([len(body)]) if len(body) < 128 else bytes([0x80 | len(size)]) + size) + body


def by_cms(*options, kind="1.2.840.113549.1.9.16.1.4"):
    """What `openssl ts` does not sign with: the same token by `openssl cms`."""
    with tempfile.TemporaryDirectory() as folder:
        where = pathlib.Path(folder)
        authority(where, "sha256", "rsa:2048")
        token = run(where, "openssl", "cms", "-sign", "-binary", "-nodetach", "-md", "sha256", "-in", "data", "-signer", "cert",
                    "-inkey", "key", "-outform", "DER", "-econtent_type", kind, *options)
    return der(0x30, der(0x30, der(2, b"\0")), token)


PSS = ("-keyopt", "rsa_padding_mode:pss", "-keyopt", "rsa_pss_saltlen:digest")
P = lambda curve: ("ec", "-pkeyopt", f"ec_paramgen_curve:{curve}")
taken = {
    "p256-sha256": response("sha256", *P("P-256")),
    "p384-sha512": response("sha512", *P("P-384")),
    "rsa2048-sha256": response("sha256", "rsa:2048"),
    "rsa3072-sha384": response("sha384", "rsa:3072"),
    "rsa2048-pss-sha256": by_cms(*PSS),
}
refused = {
    "key-identifier": by_cms("-keyid"),
    "no-attributes": by_cms("-noattr"),
    "no-certificate": by_cms("-nocerts"),
    "other-content": by_cms(kind="1.2.840.113549.1.7.1"),
}
b64 = lambda all: {name: base64.b64encode(each).decode() for name, each in all.items()}
pathlib.Path(__file__).with_name("vectors.json").write_text(json.dumps({"taken": b64(taken), "refused": b64(refused)}, indent=1) + "\n")
