"""A local OCI registry, images for it, and the bundles that hang on an image (OCI distribution 1.1, referrers)."""
import gzip
import hashlib
import json
import os
import subprocess
import urllib.request

from . import place
from .cases import need

INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
BUNDLE = "application/vnd.dev.sigstore.bundle"


def digest(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


class Registry:
    def __enter__(self):
        self.port = place.free_port()
        self.host = f"localhost:{self.port}"
        self.process = subprocess.Popen([str(place.PEERS / "bin" / "registry"), "-port", str(self.port)],
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        place.wait_for("registry", lambda: self.call("GET", "/v2/")[0] == 200, process=self.process)
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()

    def call(self, method, path, data=None, kind="application/octet-stream"):
        request = urllib.request.Request(f"http://{self.host}{path}", data=data, method=method,
                                         headers={"Content-Type": kind, "Accept": f"{MANIFEST}, {INDEX}, */*"})
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, answer.headers, answer.read()

    def blob(self, name, data, kind):
        _, headers, _ = self.call("POST", f"/v2/{name}/blobs/uploads/", b"")
        place_ = headers["Location"].removeprefix(f"http://{self.host}")
        self.call("PUT", f"{place_}{'&' if '?' in place_ else '?'}digest={digest(data)}", data)
        return {"mediaType": kind, "digest": digest(data), "size": len(data)}

    def manifest(self, name, content, reference=None):
        data = json.dumps(content).encode()
        self.call("PUT", f"/v2/{name}/manifests/{reference or digest(data)}", data, content["mediaType"])
        return {"mediaType": content["mediaType"], "digest": digest(data), "size": len(data)}

    def image(self, name):
        """Pushes an image like no other; gives its reference by digest."""
        layer = gzip.compress(os.urandom(64))
        config = {"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": [digest(layer)]}}
        made = self.manifest(name, {
            "schemaVersion": 2, "mediaType": MANIFEST,
            "config": self.blob(name, json.dumps(config).encode(), "application/vnd.oci.image.config.v1+json"),
            "layers": [self.blob(name, layer, "application/vnd.oci.image.layer.v1.tar+gzip")]})
        return f"{self.host}/{name}@{made['digest']}"

    def bundle_of(self, reference):
        """The bundle that cosign hung on the image, and the manifest that holds it."""
        name, image = reference.removeprefix(self.host + "/").split("@")
        tag = image.replace(":", "-")
        _, _, index = self.call("GET", f"/v2/{name}/manifests/{tag}")
        listed = json.loads(index)["manifests"]
        need(len(listed) == 1, f"expected one referrer of the image, found {listed}")
        _, _, manifest = self.call("GET", f"/v2/{name}/manifests/{listed[0]['digest']}")
        manifest = json.loads(manifest)
        need(manifest["layers"][0]["mediaType"].startswith(BUNDLE), f"expected a bundle, found {manifest['layers'][0]}")
        _, _, bundle = self.call("GET", f"/v2/{name}/blobs/{manifest['layers'][0]['digest']}")
        return json.loads(bundle), manifest, listed[0]

    def with_bundle(self, reference, bundle, image=None):
        """A copy of the image, or of another `image`, in a repository of its own, with this bundle hung on it."""
        name, of = (image or reference).removeprefix(self.host + "/").split("@")
        _, manifest, listed = self.bundle_of(reference)
        copy = f"{name}-{digest(json.dumps(bundle).encode() + of.encode())[7:19]}"
        _, _, original = self.call("GET", f"/v2/{name}/manifests/{of}")
        parts = json.loads(original)
        for part in [parts["config"], *parts["layers"], manifest["config"]]:
            self.blob(copy, self.call("GET", f"/v2/{name}/blobs/{part['digest']}")[2], part["mediaType"])
        self.call("PUT", f"/v2/{copy}/manifests/{of}", original, parts["mediaType"])
        manifest["layers"] = [self.blob(copy, json.dumps(bundle).encode(), manifest["layers"][0]["mediaType"])]
        manifest["subject"] = {"mediaType": parts["mediaType"], "digest": of, "size": len(original)}
        pushed = self.manifest(copy, manifest)
        self.manifest(copy, {"schemaVersion": 2, "mediaType": INDEX, "manifests": [{**listed, **pushed}]}, of.replace(":", "-"))
        return f"{self.host}/{copy}@{of}"
