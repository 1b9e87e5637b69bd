"""The cosign program, its keys, and what it was told of the log."""
import json
import os

from cryptography.hazmat.primitives import serialization as ser
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from . import bundles, place
from .cases import need

# name -> (how to make one, keyDetails in the log, hash)
KEYS = {
    "p256": (lambda: ec.generate_private_key(ec.SECP256R1()), "PKIX_ECDSA_P256_SHA_256", "sha256"),
    "other": (lambda: ec.generate_private_key(ec.SECP256R1()), "PKIX_ECDSA_P256_SHA_256", "sha256"),
    "p384": (lambda: ec.generate_private_key(ec.SECP384R1()), "PKIX_ECDSA_P384_SHA_384", "sha384"),
    "rsa": (lambda: rsa.generate_private_key(65537, 2048), "PKIX_RSA_PKCS1V15_2048_SHA256", "sha256"),
    "ed25519": (ed25519.Ed25519PrivateKey.generate, "PKIX_ED25519_PH", "sha512"),
}
IDENTITY = ["--certificate-identity", place.IDENTITY, "--certificate-oidc-issuer", place.ISSUER]

# What cosign says for each thing that is wrong with a bundle's entry.
WORDS = {
    "altered-proof": "verifying inclusion: calculated root",
    "altered-root": "unverified checkpoint signature",
    "altered-checkpoint": "unverified checkpoint signature",
    "altered-index": "verifying inclusion: (calculated root|wrong proof size)",
    "dropped-entry": "not enough verified log entries from transparency log: 0 < 1",
    "other-root": "not enough verified log entries from transparency log: 0 < 1",
    "wrong-statement": "provided artifact digests? (does|do) not match",
    # The leaf is rebuilt with the key that verifies, so another key is another leaf.
    "wrong-key": "verifying inclusion: calculated root",
}


class Cosign:
    """cosign in a folder of its own, with keys of every kind, by the server's signing configuration and trusted root."""

    program = "cosign"

    def __init__(self, server):
        self.dir = place.WORK / f"{server.dir.name}.{self.program}"
        self.dir.mkdir()
        # No network: without a trusted root cosign looks for a public one.
        self.env = {"COSIGN_PASSWORD": "interop", "HOME": str(self.dir), "TUF_MIRROR": "http://localhost:1", "NO_COLOR": "1"}
        self.config = ["--signing-config", server.signing_config, "--yes"]
        self.root = server.trusted_root
        self.names = 0

    def run(self, *arguments):
        return place.run([place.PEERS / "bin" / self.program, *arguments], env=self.env, cwd=self.dir)

    def must(self, *arguments):
        return place.must([place.PEERS / "bin" / self.program, *arguments], env=self.env, cwd=self.dir)

    def file(self, content=None, suffix=""):
        """A new file, of random bytes unless told otherwise."""
        self.names += 1
        path = self.dir / f"{self.names}{suffix}"
        path.write_bytes(os.urandom(40) if content is None else content)
        return path

    def predicate(self):
        return self.file(json.dumps({"nonce": os.urandom(8).hex()}).encode(), ".predicate.json")

    def import_key(self, kind):
        pem = KEYS[kind][0]().private_bytes(ser.Encoding.PEM, ser.PrivateFormat.PKCS8, ser.NoEncryption())
        self.must("import-key-pair", "--key", self.file(pem, ".pem"), "--output-key-prefix", kind, "--yes")

    def trusted(self, kind):
        """cosign verifies what it logged if it is told whom to trust; with Ed25519 it then fails by a fault of its own,
        for it signs the hash and verifies the message."""
        return [] if kind == "ed25519" else ["--trusted-root", self.root]

    def verifier(self, kind):
        """How to verify with a key: a hash that is not SHA-256 must be named."""
        name = KEYS[kind][2]
        return ["--key", f"{kind}.pub", *([] if name == "sha256" else ["--signature-digest-algorithm", name])]

    def sign(self, verb, kind, *arguments):
        """Signs with a key, or without one (`kind` None: keyless, `arguments` may name the algorithm). Gives the bundle."""
        who = ["--key", f"{kind}.key"] if kind else ["--identity-token", place.SERVICES / "token"]
        out = self.dir / f"{self.names}.{verb}.bundle.json"
        self.must(verb, *who, *self.config, *self.trusted(kind), "--bundle", out, *arguments)
        need(out.exists(), f"{self.program} {verb} ended with 0 and wrote no bundle")
        return json.loads(out.read_text())

    def verify(self, verb, who, *arguments, root=None):
        """Gives whether cosign accepted, and what it said."""
        code, said = self.run(verb, *who, "--trusted-root", root or self.root, *arguments)
        return code == 0, said

    def must_verify(self, verb, who, *arguments):
        accepted, said = self.verify(verb, who, *arguments)
        need(accepted, f"{self.program} {verb}: {said}")

    def check(self, bundle, kind, message):
        """The log holds what was signed, under the key's own algorithm; gives the line's detail."""
        return bundles.check_leaf(bundle, KEYS[kind][1], KEYS[kind][2], message)
