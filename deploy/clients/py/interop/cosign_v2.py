"""cosign v2: told of log, certificate authority and keys by flags and environment, its bundles of its own form."""
import base64
import json

from cryptography import x509
from cryptography.hazmat.primitives import serialization as ser

from . import place
from .bundles import b64
from .cases import need
from .cosign import Cosign
from .registry import digest


def pem_files(folder):
    """The certificates and the certificate log's key of the tests' authority, as files."""
    services = json.loads((place.SERVICES / "services.json").read_text())
    chain = services["certificateAuthorities"][0]["certChain"]["certificates"]
    roots, log = folder / "roots.pem", folder / "ct.pem"
    roots.write_bytes(b"".join(x509.load_der_x509_certificate(base64.b64decode(one["rawBytes"])).public_bytes(ser.Encoding.PEM) for one in chain))
    key = ser.load_der_public_key(base64.b64decode(services["ctlogs"][0]["publicKey"]["rawBytes"]))
    log.write_bytes(key.public_bytes(ser.Encoding.PEM, ser.PublicFormat.SubjectPublicKeyInfo))
    return roots, log, services["caUrls"][0]["url"]


class CosignV2(Cosign):
    program = "cosign-v2"

    def __init__(self, log):
        super().__init__(log)
        roots, ct_log, self.authority = pem_files(self.dir)
        self.url, self.log_key = log.url, log.v1_key
        self.env |= {"SIGSTORE_ROOT_FILE": str(roots), "SIGSTORE_CT_LOG_PUBLIC_KEY_FILE": str(ct_log), "SIGSTORE_REKOR_PUBLIC_KEY": str(self.log_key)}

    def who(self, kind):
        return ["--key", f"{kind}.key"] if kind else ["--identity-token", place.SERVICES / "token", "--fulcio-url", self.authority]

    def upload(self, verb, kind, *arguments):
        """Signs with a key, or without one. Gives what cosign said; it must say that the log has it."""
        said = self.must(verb, *self.who(kind), "--rekor-url", self.url, "--yes", *arguments)
        need("tlog entry created with index" in said, f"expected an entry: {said}")
        return said

    def blob(self, verb, kind, *arguments):
        """Signs a file; gives the bundle."""
        out = self.file(b"", ".bundle.json")
        self.upload(verb, kind, "--bundle", out, *arguments)
        return json.loads(out.read_text())

    def attempt(self, verb, who, *arguments, log_key=None):
        """Verifies; gives whether cosign accepted, and what it said."""
        env = {**self.env, "SIGSTORE_REKOR_PUBLIC_KEY": str(log_key or self.log_key)}
        code, said = place.run([place.PEERS / "bin" / self.program, verb, *who, "--rekor-url", self.url, *arguments], env=env, cwd=self.dir)
        return code == 0, said


def flipped(text, at=-9):
    raw = bytearray(base64.b64decode(text))
    raw[at] ^= 1
    return b64(bytes(raw))


def spoilt(rekor):
    """Name -> what cosign v2 keeps of the log's entry, with one thing wrong."""
    payload = rekor["Payload"]
    body = json.loads(base64.b64decode(payload["body"]))
    return {
        "altered-timestamp": {**rekor, "SignedEntryTimestamp": flipped(rekor["SignedEntryTimestamp"])},
        "altered-time": {**rekor, "Payload": {**payload, "integratedTime": payload["integratedTime"] + 1}},
        "altered-index": {**rekor, "Payload": {**payload, "logIndex": payload["logIndex"] + 1}},
        "altered-body": {**rekor, "Payload": {**payload, "body": b64(json.dumps({**body, "apiVersion": "0.0.2"}).encode())}},
    }


BUNDLE = "dev.sigstore.cosign/bundle"


def signature_of(registry, reference, suffix):
    """The manifest that cosign v2 tagged for an image, SUFFIX sig or att."""
    name, image = reference.removeprefix(registry.host + "/").split("@")
    return name, image, json.loads(registry.call("GET", f"/v2/{name}/manifests/{image.replace(':', '-')}.{suffix}")[2])


def with_annotation(registry, reference, suffix, rekor):
    """A copy of the image in a repository of its own whose signature says this of the log, or nothing."""
    name, image, manifest = signature_of(registry, reference, suffix)
    copy = f"{name}-{digest(json.dumps(rekor).encode() + image.encode())[7:19]}"
    original = registry.call("GET", f"/v2/{name}/manifests/{image}")[2]
    parts = json.loads(original)
    for part in [parts["config"], *parts["layers"], manifest["config"], *manifest["layers"]]:
        registry.blob(copy, registry.call("GET", f"/v2/{name}/blobs/{part['digest']}")[2], part["mediaType"])
    registry.call("PUT", f"/v2/{copy}/manifests/{image}", original, parts["mediaType"])
    annotations = manifest["layers"][0]["annotations"]
    annotations.pop(BUNDLE)
    if rekor:
        annotations[BUNDLE] = json.dumps(rekor)
    registry.manifest(copy, manifest, f"{image.replace(':', '-')}.{suffix}")
    return f"{registry.host}/{copy}@{image}"


def rekor_of(registry, reference, suffix):
    """What the image's signature says of the log."""
    return json.loads(signature_of(registry, reference, suffix)[2]["layers"][0]["annotations"][BUNDLE])
