"""The rekor-cli program in a folder of its own, where it keeps the tree heads that it has seen."""
import json

from . import place
from .cases import need

STATE = ".rekor/state.json"


class RekorCli:
    def __init__(self, log, name="rekor-cli"):
        self.dir = place.WORK / f"{log.dir.name}.{name}"
        self.dir.mkdir()
        self.log = log

    def run(self, verb, *arguments, url=None, key=None):
        """Runs it against the log, or another `url`, with the log's public key from its file. Gives exit code and what it said."""
        env = {"HOME": str(self.dir), "REKOR_REKOR_SERVER_PUBLIC_KEY": (key or self.log.v1_key).read_text()}
        return place.run([place.PEERS / "bin" / "rekor-cli", verb, "--rekor_server", url or self.log.url, *arguments], env=env, cwd=self.dir)

    def attempt(self, *arguments, **options):
        """For refusals: gives whether it was content, and what it said."""
        code, said = self.run(*arguments, **options)
        return code == 0, said

    def must(self, verb, *arguments, **options):
        code, said = self.run(verb, *arguments, **options)
        need(code == 0, f"rekor-cli {verb} ended with {code}: {said}")
        return said

    def json(self, verb, *arguments, **options):
        """What it prints as JSON; its own messages stand before that."""
        said = self.must(verb, "--format", "json", *arguments, **options)
        return json.loads(said[said.index("{"):])

    def upload(self, *flags, **options):
        """Logs something new; rekor-cli verifies timestamp, proof and checkpoint. Gives index and entry id."""
        made = self.json("upload", *flags, **options)
        need(not made["AlreadyExists"], f"expected a new entry, found {made}")
        return made["Index"], made["Location"].rsplit("/", 1)[1]
