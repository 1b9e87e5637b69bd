"""Makes vectors.json with ssh-keygen, gpg and Python's cryptography (OpenSSL): keys and detached signatures over one text.

Keys are fresh at every run and thrown away, so a new run gives another file of the same shape.
"""
import base64, hashlib, json, os, pathlib, subprocess, tempfile
from cryptography.hazmat.primitives import serialization as ser
from cryptography.hazmat.primitives.asymmetric import ed25519

CONTENT = b"what was signed\n"
b64 = lambda b: base64.b64encode(b).decode()


def ssh(*options, namespace="file", digest="sha512"):
    with tempfile.TemporaryDirectory() as folder:
        where = pathlib.Path(folder)
        (where / "data").write_bytes(CONTENT)
        run = lambda *command: subprocess.run(command, cwd=where, check=True, capture_output=True)
        run("ssh-keygen", "-q", "-N", "", "-C", "somebody@example.test", "-f", "key", *options)
        run("ssh-keygen", "-Y", "sign", "-f", "key", "-n", namespace, "-O", f"hashalg={digest}", "data")
        return {"format": "ssh", "key": b64((where / "key.pub").read_bytes()), "signature": b64((where / "data.sig").read_bytes())}


def minisign(algorithm, lines=4, content=CONTENT):
    key, id = ed25519.Ed25519PrivateKey.generate(), os.urandom(8)
    message = content if algorithm == b"Ed" else hashlib.blake2b(content).digest()
    signature, trusted = key.sign(message), b"timestamp:1"
    text = b"untrusted comment: a comment\n" + base64.b64encode(algorithm + id + signature) + b"\n"
    if lines == 4:
        text += b"trusted comment: " + trusted + b"\n" + base64.b64encode(key.sign(signature + trusted)) + b"\n"
    raw = key.public_key().public_bytes(ser.Encoding.Raw, ser.PublicFormat.Raw)
    public = b"untrusted comment: a key\n" + base64.b64encode(b"Ed" + id + raw) + b"\n"
    return {"format": "minisign", "key": b64(public), "signature": b64(text)}


def pgp(*key, sign=(), then=(), key_of=None):
    """A key made of some parameters, what happens to it before and after it signs."""
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        where = pathlib.Path(folder)
        (where / "data").write_bytes(CONTENT)
        run = lambda *command, **more: subprocess.run(
            ("gpg", "--homedir", folder, "--batch", "--quiet", "--yes", "--no-tty", "--pinentry-mode", "loopback", "--passphrase", "",
             *command), cwd=where, check=True, capture_output=True, **more).stdout
        (where / "parameters").write_text("%no-protection\n" + "\n".join(key) + "\nName-Real: Some Body\nName-Email: Some.Body@example.test\n%commit\n")
        run("--generate-key", "parameters")
        fingerprint = [l for l in run("--list-keys", "--with-colons").decode().split("\n") if l.startswith("fpr")][0].split(":")[9]
        for command in then:
            run(*(part.replace("KEY", fingerprint) for part in command))
        armor = () if "binary" in sign else ("--armor",)
        run(*armor, *(o for o in sign if o != "binary"), "--local-user", fingerprint, "--output", "sig", "--detach-sign", "data")
        if key_of == "revoked":
            revocation = (where / "openpgp-revocs.d" / f"{fingerprint}.rev").read_text().replace(":-----BEGIN", "-----BEGIN")
            run("--import", input=revocation.encode())
        public = run(*armor, "--export", fingerprint)
        subprocess.run(("gpgconf", "--homedir", folder, "--kill", "all"), check=True)
        return {"format": "pgp", "key": b64(public), "signature": b64((where / "sig").read_bytes())}


E = ("Key-Type: EDDSA", "Key-Curve: ed25519", "Key-Usage: sign,cert")
RSA = ("Key-Type: RSA", "Key-Length: 2048", "Key-Usage: sign,cert")
P256 = ("Key-Type: ECDSA", "Key-Curve: NIST P-256", "Key-Usage: sign,cert")
CERT = ("Key-Type: EDDSA", "Key-Curve: ed25519", "Key-Usage: cert")
SIGN, ENCRYPT = ("--quick-add-key", "KEY", "ed25519", "sign", "1y"), ("--quick-add-key", "KEY", "cv25519", "encr", "1y")
NAME = ("--quick-add-uid", "KEY", "Other Name <other@example.test>")
BINARY, TEXT = ("binary",), ("--textmode",)
taken = {
    "pgp-ed25519": pgp(*E), "pgp-rsa": pgp(*RSA), "pgp-p256": pgp(*P256), "pgp-binary": pgp(*E, sign=BINARY),
    "pgp-text": pgp(*E, sign=TEXT), "pgp-subkeys": pgp(*CERT, then=(SIGN, ENCRYPT)), "pgp-two-names": pgp(*E, then=(NAME,)),
    "ssh-ed25519": ssh("-t", "ed25519"), "ssh-rsa": ssh("-t", "rsa", "-b", "2048"), "ssh-p256": ssh("-t", "ecdsa", "-b", "256"),
    "ssh-p384": ssh("-t", "ecdsa", "-b", "384", digest="sha256"), "ssh-p521": ssh("-t", "ecdsa", "-b", "521"),
    "minisign": minisign(b"ED"), "minisign-legacy": minisign(b"Ed"), "signify": minisign(b"Ed", 2),
}
refused = {
    "pgp-revoked": pgp(*E, key_of="revoked"), "pgp-sha1": pgp(*RSA, sign=("--digest-algo", "SHA1", "--allow-weak-digest-algos")),
    "ssh-of-git": ssh("-t", "ed25519", namespace="git"), "minisign-of-another": minisign(b"ED", content=b"something else"),
}
made = {"content": b64(CONTENT), "taken": taken, "refused": refused}
pathlib.Path(__file__).with_name("vectors.json").write_text(json.dumps(made, indent=1) + "\n")
