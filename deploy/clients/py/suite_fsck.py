"""Tessera's fsck over HTTP, at sizes around the edges of tiles. It ends with 0 whatever it finds, so its words decide."""
import re

from interop import place
from interop.cases import Suite, need
from interop.proxy import Proxy
from interop.servers import server

SIZES = [1, 255, 256, 257, 511, 513, 65_535, 65_536, 65_537]
REFUSALS_AT = 513
SUCCESS = re.compile(r"Successfully fsck'd log with size (\d+) and root (\S+)")


def run(url, key):
    """fsck's words. It would hang on a mismatch with its one worker, and draws on the terminal unless told not to."""
    _, said = place.run([place.PEERS / "bin" / "fsck", f"--storage_url={url}/", f"--public_key={key}", "--ui=false", "-N", "4"], seconds=120)
    return re.sub(r"[0-9a-f]{65,}", "..", said)


def at_size(log, size):
    log.fill(size)
    said = run(log.read_url, log.vkey_file)
    found = SUCCESS.search(said)
    need(found and "fsck failed" not in said, said)
    _, tree, root = log.checkpoint().split("\n")[:3]
    need((found[1], found[2]) == (tree, root), f"fsck read {found[0]}, the checkpoint says {tree} and {root}")
    return f"size {tree} and root {root}"


def entries(bundle):
    """The entries of a bundle: two bytes of length before each."""
    out = []
    while bundle:
        end = 2 + int.from_bytes(bundle[:2], "big")
        out.append(bundle[:end])
        bundle = bundle[end:]
    return out


def flip(at):
    return lambda data: data[:at] + bytes([data[at] ^ 1]) + data[at + 1:]


def dropped(bundle):
    """The bundle without its third entry; the last one stands there twice, so that the count is right."""
    parts = entries(bundle)
    return b"".join(parts[:2] + parts[3:] + parts[-1:])


# What is altered: the path, how, and what fsck says (its workers find an entry's tile and the tile above it at once).
ALTERED = {
    "altered-entry": ("/tile/entries/000", flip(40), r"fsck failed: failed: tile/(0/000|1/000\.p/2): log has"),
    "altered-tile": ("/tile/0/001", flip(100), r"fsck failed: failed: tile/0/001: log has"),
    "altered-partial-tile": (f"/tile/0/002.p/{REFUSALS_AT % 256}", flip(3), r"fsck failed: failed: tile/0/002\.p/1: log has"),
    "altered-root": ("/checkpoint", lambda note: b"\n".join(line if n != 2 else b"A" * 43 + b"=" for n, line in enumerate(note.split(b"\n"))),
                     "fsck failed: failed to fetch and verify checkpoint: .*invalid signature for key"),
    "dropped-entry": ("/tile/entries/001", dropped, r"fsck failed: failed: tile/(0/001|1/000\.p/2): log has"),
    "missing-bundle": ("/tile/entries/001", lambda _: None, "fsck failed: error while streaming bundles: .*file does not exist"),
}


def altered(log, path, change):
    with Proxy(log.read_url, lambda asked, data: change(data) if asked == path else data) as proxy:
        said = run(proxy.url, log.vkey_file)
    need(proxy.touched, f"fsck never asked for {path}")
    return bool(SUCCESS.search(said)), said


def other_key(log):
    """The key of another log of the same name."""
    with server("fsck-other") as other:
        said = run(log.read_url, other.vkey_file)
        return bool(SUCCESS.search(said)), said


with Suite("fsck") as suite, server("fsck") as log:
    for size in SIZES:
        suite.case(f"size-{size}", at_size, log, size)
        if size == REFUSALS_AT:
            for name, (path, change, words) in ALTERED.items():
                suite.refusal(f"refuse.{name}", words, altered, log, path, change)
            suite.refusal("refuse.other-root", "fsck failed: failed to fetch and verify checkpoint: .*note has no verifiable signatures", other_key, log)
