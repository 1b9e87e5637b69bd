"""Makes vectors.json with ssh-keygen and Python's cryptography (OpenSSL): keys and detached signatures over one text.

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


taken = {
    "ssh-ed25519": ssh("-t", "ed25519"), "ssh-rsa": ssh("-t", "rsa", "-b", "2048"), "ssh-p256": ssh("-t", "ecdsa", "-b", "256"),
    "ssh-p384": ssh("-t", "ecdsa", "-b", "384", digest="sha256"), "ssh-p521": ssh("-t", "ecdsa", "-b", "521"),
    "minisign": minisign(b"ED"), "minisign-legacy": minisign(b"Ed"), "signify": minisign(b"Ed", 2),
}
refused = {
    "ssh-of-git": ssh("-t", "ed25519", namespace="git"), "minisign-of-another": minisign(b"ED", content=b"something else"),
}
made = {"content": b64(CONTENT), "taken": taken, "refused": refused}
pathlib.Path(__file__).with_name("vectors.json").write_text(json.dumps(made, indent=1) + "\n")
