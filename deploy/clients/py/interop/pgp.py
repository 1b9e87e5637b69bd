"""Samples that are signed by OpenPGP, with GnuPG."""
import atexit
import os
from pathlib import Path

from . import place
from .sample import EMAIL, Sample, sha256, write


def gpg(folder, *arguments):
    home = folder / "gnupg"
    if not home.exists():
        home.mkdir(mode=0o700)
        # Its agent would outlive the tests.
        atexit.register(place.run, ["gpgconf", "--homedir", home, "--kill", "all"])
    return place.must(["gpg", "--homedir", home, "--batch", "--yes", "--quiet", "--pinentry-mode", "loopback", "--passphrase", "", *arguments])


def new_key(folder):
    """A new OpenPGP key; gives how to name it and its public half as a file."""
    name = f"{os.urandom(4).hex()}.{EMAIL}"
    gpg(folder, "--quick-generate-key", f"interop <{name}>", "rsa2048", "sign", "1d")
    public = folder / f"{name}.asc"
    gpg(folder, "--armor", "--output", public, "--export", name)
    return name, public


def detached(folder):
    """A signature beside a file: rekord of format pgp."""
    data = os.urandom(40)
    artifact, (name, public) = write(folder, "artifact", data), new_key(folder)
    gpg(folder, "--local-user", name, "--armor", "--detach-sign", artifact)
    return Sample("rekord", "0.0.1", artifact, Path(f"{artifact}.asc"), public, "pgp", [sha256(data)])


def helm(folder):
    """A chart's provenance file: what is in its Chart.yaml, its digest, signed in the clear."""
    digest, (name, public) = os.urandom(32).hex(), new_key(folder)
    text = write(folder, "prov.txt", f"apiVersion: v2\nname: interop\nversion: 0.1.0\n\n...\nfiles:\n  interop-0.1.0.tgz: sha256:{digest}\n")
    gpg(folder, "--local-user", name, "--clear-sign", text)
    return Sample("helm", "0.0.1", Path(f"{text}.asc"), None, public, "pgp", [digest], by_artifact=False)
