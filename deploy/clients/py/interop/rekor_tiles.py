"""rekor-tiles' POSIX server with the trust files that ours writes: `deploy/interop --server rekor-tiles` shows that the
cases ask for what the original does, too. Its tiles are files; a thread of this process serves them."""
import base64
import hashlib
import http.server
import json
import threading
import time
import urllib.request

from cryptography.hazmat.primitives import serialization as ser
from cryptography.hazmat.primitives.asymmetric import ed25519

from . import place
from .servers import Server

ORIGIN = "localhost"


class _Files(http.server.SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass


class RekorTiles(Server):
    # Each write takes as long as its clock; only many at once are fast.
    load, load_connections = ["--mode", "rekor-v2", "--verify", "0"], 2000

    def __init__(self, name):
        super().__init__(name)
        self.grpc, self.metrics = place.free_port(), place.free_port()
        self.store = self.dir / "store"
        self.store.mkdir(parents=True)
        key = ed25519.Ed25519PrivateKey.generate()
        self.key_file = self.dir / "key.pem"
        self.key_file.write_bytes(key.private_bytes(ser.Encoding.PEM, ser.PrivateFormat.PKCS8, ser.NoEncryption()))
        self._trust(key.public_key())
        files = http.server.ThreadingHTTPServer(("127.0.0.1", 0), lambda *a: _Files(*a, directory=self.store))
        threading.Thread(target=files.serve_forever, daemon=True).start()
        self.read_url = f"http://localhost:{files.server_port}"

    def _trust(self, public):
        spki = public.public_bytes(ser.Encoding.DER, ser.PublicFormat.SubjectPublicKeyInfo)
        typed = b"\x01" + public.public_bytes(ser.Encoding.Raw, ser.PublicFormat.Raw)
        key_id = hashlib.sha256(ORIGIN.encode() + b"\n" + typed).digest()
        self.vkey_file = self.dir / "log.vkey"
        self.vkey_file.write_text(f"{ORIGIN}+{key_id[:4].hex()}+{base64.b64encode(typed).decode()}\n")
        text = lambda raw: base64.b64encode(raw).decode()
        services = json.loads((place.SERVICES / "services.json").read_text())
        valid = {"start": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())}
        root = {"mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
                "tlogs": [{"baseUrl": self.url, "hashAlgorithm": "SHA2_256", "logId": {"keyId": text(key_id)},
                           "publicKey": {"rawBytes": text(spki), "keyDetails": "PKIX_ED25519", "validFor": valid}}]}
        config = {"mediaType": "application/vnd.dev.sigstore.signingconfig.v0.2+json",
                  "rekorTlogUrls": [{"url": self.url, "majorApiVersion": 2, "validFor": valid, "operator": "local"}],
                  "rekorTlogConfig": {"selector": "ANY"}, "tsaConfig": {"selector": "ANY"}}
        for name in ("certificateAuthorities", "timestampAuthorities", "ctlogs"):
            root[name] = services[name]
        for name in ("caUrls", "oidcUrls", "tsaUrls"):
            config[name] = services[name]
        self.trusted_root, self.signing_config = self.dir / "trusted_root.json", self.dir / "signing_config.json"
        self.trusted_root.write_text(json.dumps(root))
        self.signing_config.write_text(json.dumps(config))

    def grpc_address(self):
        return f"localhost:{self.grpc}"

    def start(self):
        self.process = self.spawn([
            place.PEERS / "bin" / "posix", "serve", "--http-port", self.port, "--grpc-port", self.grpc, "--http-metrics-port", self.metrics,
            "--hostname", ORIGIN, "--storage-dir", self.store, "--signer-filepath", self.key_file,
            "--checkpoint-interval=200ms", "--persistent-antispam=true"])
        ready = lambda: urllib.request.urlopen(self.url + "/healthz", timeout=2).status == 200 and (self.store / "checkpoint").exists()
        place.wait_for(f"rekor-tiles (see {self.log})", ready, process=self.process)
