"""Tekton Chains: runs for it, its keys and settings, and the program of ../../chains that has it sign them."""
import base64
import json
import os
import uuid

from cryptography.hazmat.primitives import serialization as ser
from cryptography.hazmat.primitives.asymmetric import ec

from . import place
from .cases import need

PREFIX = "chains.tekton.dev/"
# The digests of the samples' images, which get others in each copy.
IMAGES = ("d31cc8328054de2bd93735f9cbf0ccfb6e0ee8f4c4225da7d8f8cb3900eaf466", "827521c857fdcd4374f4da5442fbae2edb01e7fbae285c3ec15673d4c1daecb7")
IMAGE_OF = {"taskrun": IMAGES[0], "pipelinerun": IMAGES[1]}


class Run:
    """A completed TaskRun or PipelineRun of its own; `image` is the hex digest of what it built."""

    def __init__(self, folder, kind):
        text = (place.CLIENTS / "chains" / "testdata" / f"{kind}.json").read_text()
        fresh = {image: os.urandom(32).hex() for image in IMAGES}
        for image, other in fresh.items():
            text = text.replace(image, other)
        run = json.loads(text)
        self.image, self.key, self.name = fresh[IMAGE_OF[kind]], f"{kind}-{uuid.uuid4()}", f"{kind}-{os.urandom(4).hex()}"
        run |= {"apiVersion": "tekton.dev/v1", "kind": {"taskrun": "TaskRun", "pipelinerun": "PipelineRun"}[kind]}
        run["metadata"] |= {"name": self.name, "uid": self.key.removeprefix(f"{kind}-")}
        self.path = folder / f"{self.name}.json"
        self.path.write_text(json.dumps(run))


class Chains:
    """Chains' settings and its secret with an ECDSA key; `other` names a folder with another secret."""

    def __init__(self, log, settings):
        self.dir = place.WORK / f"{log.dir.name}.chains"
        self.dir.mkdir()
        self.log, self.settings = log, settings
        key = ec.generate_private_key(ec.SECP256R1())
        secrets = self.dir / "secrets"
        secrets.mkdir()
        (secrets / "x509.pem").write_bytes(key.private_bytes(ser.Encoding.PEM, ser.PrivateFormat.PKCS8, ser.NoEncryption()))
        self.secrets = secrets

    def cosign_key(self, cosign, kind):
        """A secret with a key that cosign made."""
        secrets = self.dir / f"secrets-{kind}"
        secrets.mkdir()
        cosign.import_key(kind)
        (secrets / "cosign.key").write_bytes((cosign.dir / f"{kind}.key").read_bytes())
        (secrets / "cosign.password").write_text(cosign.env["COSIGN_PASSWORD"])
        return secrets

    def run(self):
        return {kind: Run(self.dir, kind) for kind in ("taskrun", "pipelinerun")}

    def sign(self, run, secrets=None, **more):
        """Has Chains sign a run. Gives its annotations, its error or None, and all that Chains said."""
        settings = {**self.settings, **{key.replace("_", "."): value for key, value in more.items()}}
        flags = [part for key, value in settings.items() for part in ("-set", f"{key}={value}")]
        said = place.must([place.OWN / "chains", "-secrets", secrets or self.secrets, *flags, run.path], env={"HOME": str(self.dir)})
        answer = json.loads(said[said.index('{"log"'):])
        done = answer["runs"][0]
        annotations = {key.removeprefix(PREFIX): value for key, value in (done["annotations"] or {}).items()}
        return annotations, done.get("error"), "; ".join(answer["log"])

    def must_sign(self, run, **more):
        annotations, error, said = self.sign(run, **more)
        need(error is None and annotations.get("signed") == "true", f"{error}: {annotations} {said}")
        return annotations


def payload(annotations, key):
    return base64.b64decode(annotations[f"payload-{key}"])
