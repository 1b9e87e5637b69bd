"""sigstore-js: a node process that runs ../../js/client.mjs, and its operations."""
import json
import subprocess

from . import place
from .bundles import b64
from .cases import Failed, need

STATEMENT = "application/vnd.in-toto+json"


class Javascript:
    def __init__(self, log):
        self.log = log

    def __enter__(self):
        program = ["node", place.CLIENTS / "js" / "client.mjs", place.PEERS / "node" / "sigstore"]
        self.process = subprocess.Popen([str(a) for a in program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait(30)

    def ask(self, op, **request):
        """Gives the answer; what a library refused is one, too."""
        self.process.stdin.write(json.dumps({"op": op, **request}) + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        need(answer, "node ended without an answer")
        return json.loads(answer)

    def try_sign(self, data, dsse=False, **more):
        return self.ask("sign", config=str(self.log.signing_config), token=str(place.SERVICES / "token"), dsse=dsse, type=STATEMENT,
                        data=b64(data), **more)

    def sign(self, data, dsse=False):
        answer = self.try_sign(data, dsse)
        if not answer["ok"]:
            raise Failed(answer["said"])
        return answer["bundle"]

    def try_sign_at(self, data, dsse, **more):
        """Without a signing configuration: Rekor v1 by its URL; `rsa` signs with a key that stays instead of a certificate."""
        services = json.loads((place.SERVICES / "services.json").read_text())
        return self.ask("signAt", rekorURL=self.log.url, fulcioURL=services["caUrls"][0]["url"], token=str(place.SERVICES / "token"),
                        dsse=dsse, type=STATEMENT, data=b64(data), **more)

    def sign_at(self, data, dsse, **more):
        answer = self.try_sign_at(data, dsse, **more)
        if not answer["ok"]:
            raise Failed(answer["said"])
        return answer["bundle"]

    def sign_all(self, all_data):
        """All at once, no request repeated."""
        answer = self.ask("signAll", config=str(self.log.signing_config), token=str(place.SERVICES / "token"), all=[b64(d) for d in all_data],
                          fetch={"timeout": 5000, "retry": {"retries": 0}})
        if not answer["ok"]:
            raise Failed(answer["said"])
        return answer["bundles"]

    def verify(self, root, bundle, artifact, identity=place.IDENTITY):
        """Gives whether the library accepted, and what it said. In a DSSE bundle it does not look for the artifact."""
        data = {} if "dsseEnvelope" in bundle else {"data": b64(artifact)}
        answer = self.ask("verify", root=str(root), bundle=bundle, identity=identity, issuer=place.ISSUER, **data)
        return answer["ok"], answer.get("said", "verified")
