"""archivistactl, Archivista's own program, and what a server of Archivista's interface keeps."""
import json
import re
import urllib.request

from . import place
from .cases import need


class Archivistactl:
    def __init__(self, log, url=None):
        self.url = url or log.url

    def run(self, *arguments):
        return place.run([place.OWN / "archivistactl", "--archivistaurl", self.url, *arguments])

    def attempt(self, *arguments):
        """For refusals: gives whether it was content, and what it said."""
        code, said = self.run(*arguments)
        return code == 0, said

    def must(self, *arguments):
        code, said = self.run(*arguments)
        need(code == 0, f"archivistactl {arguments[0]} ended with {code}: {said}")
        return said

    def store(self, path, *more):
        """Gives the envelope's gitoid."""
        said = self.must("store", *more, path)
        found = re.search(r"stored with gitoid ([0-9a-f]{64})", said)
        need(found, said)
        return found[1]


def downloaded(log, gitoid):
    """The envelope as any HTTP client gets it."""
    with urllib.request.urlopen(f"{log.url}/download/{gitoid}", timeout=20) as answer:
        return json.load(answer)
