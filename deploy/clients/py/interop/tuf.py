"""Metadata of a TUF repository (specification 1.0), with one Ed25519 key for all roles."""
import datetime
import hashlib
import json

from cryptography.hazmat.primitives import serialization as ser
from cryptography.hazmat.primitives.asymmetric import ed25519

from .sample import Sample, write


def canonical(value):
    """Canonical JSON, of values that need no escaping."""
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def signed(key, key_id, content):
    return canonical({"signed": content, "signatures": [{"keyid": key_id, "sig": key.sign(canonical(content)).hex()}]})


def repository():
    """root.json and timestamp.json, as canonical JSON."""
    key = ed25519.Ed25519PrivateKey.generate()
    public = {"keytype": "ed25519", "scheme": "ed25519",
              "keyval": {"public": key.public_key().public_bytes(ser.Encoding.Raw, ser.PublicFormat.Raw).hex()}}
    key_id = hashlib.sha256(canonical(public)).hexdigest()
    expires = (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    common = {"spec_version": "1.0.0", "version": 1, "expires": expires}
    role = {"keyids": [key_id], "threshold": 1}
    root = {"_type": "root", **common, "consistent_snapshot": False, "keys": {key_id: public},
            "roles": {name: role for name in ("root", "timestamp", "snapshot", "targets")}}
    timestamp = {"_type": "timestamp", **common, "meta": {"snapshot.json": {"version": 1}}}
    return signed(key, key_id, root), signed(key, key_id, timestamp)


def metadata(folder):
    """Metadata with its root in the key's place. The index knows both by digests without a prefix, which only a search by key asks for."""
    root, timestamp = repository()
    return Sample("tuf", "0.0.1", write(folder, "timestamp.json", timestamp), None, write(folder, "root.json", root), "tuf", by_artifact=False)
