"""A sample of what rekor-cli can log: files, and what they are found by."""
import hashlib
import os
from dataclasses import dataclass, field
from pathlib import Path

EMAIL = "rekor-cli@interop.test"


@dataclass
class Sample:
    """Files by what rekor-cli's flags call them; `found` are digests that a search by --sha finds it by."""

    kind: str
    version: str
    artifact: Path
    signature: Path | None = None
    key: Path | None = None
    pki: str | None = None
    found: list = field(default_factory=list)
    # Whether the index knows the artifact's own digest, the key as a file, and the key's email address.
    by_artifact: bool = True
    by_key: bool = True
    by_email: bool = False

    def flags(self, **other):
        """rekor-cli's flags; `other` names files to take instead."""
        files = {"artifact": self.artifact, "signature": self.signature, "public-key": self.key, **other}
        given = [part for name, path in files.items() if path for part in (f"--{name}", path)]
        return ["--type", f"{self.kind}:{self.version}", *(["--pki-format", self.pki] if self.pki else []), *given]


def write(folder, name, content):
    path = folder / f"{os.urandom(4).hex()}.{name}"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def sha256(content):
    return hashlib.sha256(content).hexdigest()
