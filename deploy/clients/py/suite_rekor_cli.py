"""rekor-cli 1.5.4 through Rekor v1: every kind it can make uploaded, got, found and verified; the log's growth followed."""
import base64
import json
import os
import re
import shutil

from cryptography.hazmat.primitives import serialization as ser
from cryptography.hazmat.primitives.asymmetric import ec
from interop import place, samples
from interop.cases import Suite, need
from interop.proxy import Proxy
from interop.rekor_cli import STATE, RekorCli
from interop.sample import EMAIL, write
from interop.servers import rekor_v1

# What rekor-cli says to a signature, envelope or token that is not of this artifact and key: it verifies before it sends.
ALTERED = {
    "hashedrekord": "invalid signature when validating ASN.1 encoded signature",
    "hashedrekord-certificate": "invalid signature when validating ASN.1 encoded signature",
    "rekord-x509": "invalid signature when validating ASN.1 encoded signature",
    "rekord-ssh": "ssh: signature did not verify",
    "rekord-minisign": "failed to verify signature",
    "intoto-0.0.2": "could not verify envelope: accepted signatures do not match threshold",
    "dsse": "could not verify envelope: accepted signatures do not match threshold",
    "rekord-pgp": "openpgp: invalid signature",
    "helm": "openpgp: signature made by unknown entity",
    "tuf": "tuf: valid signatures did not meet threshold",
    # These it sends unseen: the log refuses.
    "intoto-0.0.1": "createLogEntryBadRequest.*could not verify envelope",
    "cose": "createLogEntryBadRequest.*signature",
    "rfc3161": "createLogEntryBadRequest.*time-stamp",
}
FOREIGN = ("jar", "alpine", "rpm")


def uploaded(cli, sample, logged):
    index, entry = cli.upload(*sample.flags())
    logged.update(index=index, entry=entry)
    return f"index {index}"


def got(cli, sample, logged):
    """By index, entry id and the leaf's hash alone: one entry, of the kind that was sent."""
    ways = (["--log-index", logged["index"]], ["--uuid", logged["entry"]], ["--uuid", logged["entry"][16:]])
    first, *others = [cli.json("get", *way) for way in ways]
    need(all(other == first for other in others), f"three ways and more than one answer: {first} {others}")
    need((first["UUID"], first["LogIndex"]) == (logged["entry"], logged["index"]), f"found {first['UUID']} at {first['LogIndex']}")
    return f"got as {', '.join(first['Body'])}"


def found(cli, sample, logged):
    """By each digest that the kind is found by, by file, key and email: exactly this entry, at once."""
    ways = [["--sha", digest] for digest in sample.found]
    ways += [["--artifact", sample.artifact]] if sample.by_artifact else []
    ways += [["--public-key", sample.key, "--pki-format", sample.pki]] if sample.by_key else []
    for way in ways:
        answer = cli.json("search", *way)["UUIDs"]
        need(answer == [logged["entry"]], f"{way}: expected {logged['entry']}, found {answer}")
    if sample.by_email:
        answer = cli.json("search", "--email", EMAIL)["UUIDs"]
        need(logged["entry"] in answer, f"--email: expected {logged['entry']} among {answer}")
    return f"{len(ways) + sample.by_email} searches"


def verified(cli, sample, logged):
    """By the files as they were uploaded, by entry id, and by index; the proof is of the entry's place."""
    ways = (sample.flags(), ["--uuid", logged["entry"]], ["--log-index", logged["index"]])
    for way in ways:
        proof = cli.json("verify", *way)
        need((proof["EntryUUID"], proof["Index"]) == (logged["entry"], logged["index"]), f"{way}: found {proof}")
        need(len(proof["Checkpoint"]) > 0, f"{way}: no checkpoint")
    return f"in a tree of {proof['Size']}"


def duplicate(cli, sample, logged):
    said = cli.must("upload", *sample.flags())
    need(re.search(f"Entry already exists; available at: {cli.log.url}/api/v1/log/entries/{logged['entry']}", said), said)
    return said


def flipped(path, at):
    raw = bytearray(path.read_bytes())
    raw[at] ^= 1
    return write(path.parent, path.name[-24:], bytes(raw))


def altered(name, sample, folder, make):
    """The flags of a sample whose parts do not belong together."""
    if name == "rfc3161":
        return sample.flags(artifact=flipped(sample.artifact, -1))
    if sample.signature:
        return sample.flags(artifact=write(folder, "artifact", os.urandom(40)))
    return sample.flags(**{"public-key": make(folder).key})


def kind(suite, cli, name, make):
    sample, logged = make(cli.dir), {}
    if suite.case(f"{name}.upload", uploaded, cli, sample, logged) is None:
        return
    suite.case(f"{name}.get", got, cli, sample, logged)
    suite.case(f"{name}.search", found, cli, sample, logged)
    suite.case(f"{name}.verify", verified, cli, sample, logged)
    suite.case(f"{name}.duplicate", duplicate, cli, sample, logged)
    suite.refusal(f"{name}.refuse.altered", ALTERED[name], cli.attempt, "upload", *altered(name, sample, cli.dir, make))
    # Well signed, and not in the log.
    suite.refusal(f"{name}.refuse.unknown", "entry in log cannot be located", cli.attempt, "verify", *make(cli.dir).flags())


def operators(cli):
    """A key and a digest: either, and both."""
    one, other = samples.KINDS["rekord-x509"](cli.dir), samples.KINDS["hashedrekord"](cli.dir)
    ids = [cli.upload(*sample.flags())[1] for sample in (one, other)]
    mixed = ["--public-key", one.key, "--pki-format", "x509", "--sha", other.found[0]]
    either = cli.json("search", *mixed, "--operator", "or")["UUIDs"]
    need(sorted(either) == sorted(ids), f"or: expected {ids}, found {either}")
    own = ["--public-key", one.key, "--pki-format", "x509", "--artifact", one.artifact, "--email", EMAIL]
    both = cli.json("search", *own, "--operator", "and")["UUIDs"]
    need(both == ids[:1], f"and: expected {ids[:1]}, found {both}")
    code, said = cli.run("search", *mixed, "--operator", "and")
    need(code != 0 and "no matching entries found" in said, f"and of two entries: {said}")
    return "or: two entries, and: one"


def by_path(cli):
    """The same log under its own name: --rekor_server with a path."""
    sample = samples.KINDS["hashedrekord"](cli.dir)
    made = cli.json("upload", *sample.flags(), url=f"{cli.log.url}/logs/rekor-v1")
    entry = made["Location"].rsplit("/", 1)[1]
    need(cli.json("verify", *sample.flags())["EntryUUID"] == entry, f"expected {entry} at the root, too")
    return made["Location"]


def size_seen(cli):
    """The tree sizes of the checkpoints it keeps: by tree and by URL."""
    return {int(checkpoint.split("\n")[1]) for checkpoint in json.loads((cli.dir / STATE).read_text()).values()}


def loginfo(cli, growth):
    """It keeps the tree head it saw, and proves the next one consistent with it."""
    before = size_seen(cli) if (cli.dir / STATE).exists() else {0}
    for _ in range(growth):
        cli.upload(*samples.KINDS["hashedrekord"](cli.dir).flags())
    info = cli.json("loginfo")
    need(size_seen(cli) == {info["ActiveTreeSize"]}, f"state: {size_seen(cli)}, told {info}")
    need(info["ActiveTreeSize"] >= max(before) + growth, f"from {before} to {info}")
    return f"from {max(before)} to {info['ActiveTreeSize']}"


def logproof(cli):
    size = cli.json("loginfo")["ActiveTreeSize"]
    answer = cli.json("logproof", "--first-size", size // 2, "--last-size", size)
    need(answer["Hashes"] and answer["RootHash"] == cli.json("loginfo")["RootHash"], f"found {answer}")
    need(not cli.json("logproof", "--first-size", size, "--last-size", size)["Hashes"], "hashes between equal trees")
    return f"{len(answer['Hashes'])} hashes from {size // 2} to {size}"


def entry_with(change):
    """For a proxy: what is answered about an entry, with something else in it."""

    def alter(path, data):
        if not path.startswith("/api/v1/log/entries"):
            return data
        answer = json.loads(data)
        for entries in answer if isinstance(answer, list) else [answer]:
            for entry in entries.values():
                change(entry, entry["verification"]["inclusionProof"])
        return json.dumps(answer).encode()

    return alter


def flip_hex(text):
    return f"{int(text[0], 16) ^ 1:x}{text[1:]}"


def flip_tail(text):
    raw = bytearray(base64.b64decode(text))
    raw[-1] ^= 1
    return base64.b64encode(bytes(raw)).decode()


def flip_note(note):
    head, signature = note.rstrip("\n").rsplit(" ", 1)
    return f"{head} {flip_tail(signature)}\n"


def lies(suite, cli):
    """What a log may lie about: rekor-cli sees it whatever it asks for."""
    changes = {
        "altered-timestamp": ("unable to verify bundle", lambda e, _: e["verification"].update(
            signedEntryTimestamp=flip_tail(e["verification"]["signedEntryTimestamp"]))),
        "altered-time": ("unable to verify bundle", lambda e, _: e.update(integratedTime=e["integratedTime"] + 1)),
        "altered-proof": ("calculated root", lambda _, p: p["hashes"].__setitem__(0, flip_hex(p["hashes"][0]))),
        "altered-root": ("calculated root", lambda _, p: p.update(rootHash=flip_hex(p["rootHash"]))),
        "altered-checkpoint": ("signature on checkpoint did not verify", lambda _, p: p.update(checkpoint=flip_note(p["checkpoint"]))),
    }
    sample = samples.KINDS["hashedrekord"](cli.dir)
    _, entry = cli.upload(*sample.flags())
    for what, (words, change) in changes.items():
        with Proxy(cli.log.url, entry_with(change)) as proxy:
            suite.refusal(f"refuse.{what}", words, cli.attempt, "verify", *sample.flags(), url=proxy.url)
            suite.refusal(f"get.refuse.{what}", words, cli.attempt, "get", "--uuid", entry, url=proxy.url)


def other_key(cli):
    public = ec.generate_private_key(ec.SECP256R1()).public_key()
    return write(cli.dir, "pub", public.public_bytes(ser.Encoding.PEM, ser.PublicFormat.SubjectPublicKeyInfo))


def unknown(suite, cli):
    """What the log does not have, or does not take."""
    nowhere = "00" * 32
    suite.refusal("refuse.unknown-uuid", "getLogEntryByUuidNotFound", cli.attempt, "get", "--uuid", nowhere)
    suite.refusal("refuse.unknown-index", "getLogEntryByIndexNotFound", cli.attempt, "get", "--log-index", 10**9)
    suite.refusal("verify.refuse.unknown-uuid", "entry in log cannot be located", cli.attempt, "verify", "--uuid", nowhere)
    suite.refusal("search.refuse.unknown-sha", "no matching entries found", cli.attempt, "search", "--sha", nowhere)
    suite.refusal("search.refuse.unknown-email", "no matching entries found", cli.attempt, "search", "--email", "nobody@interop.test")
    suite.refusal("logproof.refuse.beyond", "getLogProofBadRequest.*must be less than or equal to tree size", cli.attempt, "logproof", "--last-size", 10**9)
    for name in FOREIGN:
        entry = write(cli.dir, "json", json.dumps({"kind": name, "apiVersion": "0.0.1", "spec": {}}))
        suite.refusal(f"refuse.{name}", "422.*kind", cli.attempt, "upload", "--entry", entry)


def rotated(cli):
    """After a rotation: the old tree stands as an inactive shard, indexes go on, old entries verify."""
    sample = samples.KINDS["hashedrekord"](cli.dir)
    index, _ = cli.upload(*sample.flags())
    before = cli.json("loginfo")
    log = cli.log
    log.stop()
    place.must([log.program, "log", "rotate", log.dir, "--from", "rekor-v1", "--name", "rekor-v1-b", "--dialect", "rekor-v1"])
    log.start()
    log.v1_key = log.dir / "rekor-v1-b.pub"
    after, _ = cli.upload(*samples.KINDS["hashedrekord"](cli.dir).flags())
    need(after == index + 1, f"expected index {index + 1}, found {after}")
    # Each shard has a key of its own: told none, rekor-cli asks for it.
    code, said = cli.run("loginfo", "--format", "json", key=write(cli.dir, "none", ""))
    need(code == 0, said)
    info = json.loads(said[said.index("{"):])
    need((info["ActiveTreeSize"], info["TotalTreeSize"]) == (1, before["TotalTreeSize"] + 1), f"from {before} to {info}")
    need(info["TreeID"] != before["TreeID"], "one tree id")
    proof = cli.json("verify", *sample.flags(), key=log.dir / "rekor-v1.pub")
    need(proof["Size"] == before["ActiveTreeSize"], f"expected the frozen tree of {before['ActiveTreeSize']}, found {proof['Size']}")
    return f"index {after} in the second tree"


def back_in_time(suite, cli):
    """The data directory is replaced by an older copy, which then grows otherwise."""
    log = cli.log
    log.stop()
    copy = shutil.copytree(log.dir, place.WORK / f"{log.dir.name}.copy")
    log.start()
    loginfo(cli, 2)
    log.stop()
    shutil.rmtree(log.dir)
    shutil.copytree(copy, log.dir)
    log.start()
    suite.refusal("loginfo.refuse.rolled-back", "tree size larger than the verified tree size", cli.attempt, "loginfo")
    other = RekorCli(log, "other")
    for _ in range(2):
        other.upload(*samples.KINDS["hashedrekord"](other.dir).flags())
    suite.refusal("loginfo.refuse.forked", "old root hash does not match STH hash", cli.attempt, "loginfo")
    other.upload(*samples.KINDS["hashedrekord"](other.dir).flags())
    suite.refusal("loginfo.refuse.forked-and-grown", "calculated root|inconsistent|root mismatch", cli.attempt, "loginfo")
    (cli.dir / STATE).unlink()


with Suite("rekor-cli") as suite, rekor_v1("rekor-cli") as log:
    cli = RekorCli(log)
    cli.upload(*samples.KINDS["hashedrekord"](cli.dir).flags())
    suite.case("loginfo", loginfo, cli, 0)
    for name, make in samples.KINDS.items():
        kind(suite, cli, name, make)
    suite.case("loginfo.grown", loginfo, cli, 3)
    suite.case("logproof", logproof, cli)
    suite.case("search.operators", operators, cli)
    suite.case("path-prefix", by_path, cli)
    unknown(suite, cli)
    lies(suite, cli)
    suite.refusal("refuse.wrong-key", "signature on tree head did not verify", cli.attempt, "loginfo", key=other_key(cli))
    suite.refusal("upload.refuse.wrong-key", "unable to verify entry was added to log", cli.attempt, "upload",
                  *samples.KINDS["hashedrekord"](cli.dir).flags(), key=other_key(cli))
    back_in_time(suite, cli)
    suite.case("loginfo.rotated", rotated, cli)
