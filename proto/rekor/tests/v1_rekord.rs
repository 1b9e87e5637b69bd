//! `rekord 0.0.1` in its formats, beside what was recorded: keys and signatures that other programs made.
#![expect(clippy::unwrap_used, reason = "what tests share panics as tests do")]

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::json;
use treering_attest::DigestAlgorithm;
use treering_rekor::v1::{
    Entry, ProposedEntry, Refusal, RefusedEntry, SearchIndex, Uncached, VerifiedEntry,
};

#[derive(Deserialize)]
struct Vectors {
    content: String,
    taken: BTreeMap<String, Signed>,
    refused: BTreeMap<String, Signed>,
}

#[derive(Clone, Deserialize)]
struct Signed {
    format: String,
    key: String,
    signature: String,
}

fn vectors() -> Vectors {
    serde_json::from_str(include_str!("vectors/rekord/vectors.json")).unwrap()
}

fn decode(text: &str) -> Vec<u8> {
    STANDARD.decode(text).unwrap()
}

fn propose(content: &str, signed: &Signed) -> Result<VerifiedEntry, RefusedEntry> {
    let key = json!({"content": signed.key});
    let signature = json!({"format": signed.format, "content": signed.signature, "publicKey": key});
    let spec = json!({"data": {"content": content}, "signature": signature});
    let body = json!({"apiVersion": "0.0.1", "kind": "rekord", "spec": spec}).to_string();
    ProposedEntry::parse(body.as_bytes())
        .unwrap()
        .verify(&Uncached, 0)
}

fn canonical(entry: &VerifiedEntry) -> Signed {
    let Entry::Rekord(spec) = entry.entry() else {
        panic!("another kind");
    };
    Signed {
        format: spec.signature.format.clone(),
        key: spec.signature.public_key.content.clone(),
        signature: spec.signature.content.clone(),
    }
}

#[test]
fn signatures_of_other_programs_are_taken_and_found_by_any_form_of_the_key() {
    let vectors = vectors();
    for (name, signed) in &vectors.taken {
        let entry = propose(&vectors.content, signed).unwrap_or_else(|e| panic!("{name}: {e}"));
        let leaf = entry.canonical().leaf();
        assert_eq!(Entry::parse(leaf).as_ref(), Ok(entry.entry()), "{name}");
        let plain = canonical(&entry);
        let again = propose(&vectors.content, &plain).unwrap();
        assert_eq!(again.canonical(), entry.canonical(), "{name}");
        let keys = entry.index_keys().unwrap();
        let content = DigestAlgorithm::Sha256.of(&decode(&vectors.content));
        assert!(keys.contains(&format!("sha256:{}", hex::encode(content))));
        for key in [&signed.key, &plain.key] {
            let body = json!({"publicKey": {"format": signed.format, "content": key}}).to_string();
            let search = SearchIndex::parse(body.as_bytes(), &Uncached).unwrap();
            assert_eq!(search.keys, keys[..1], "{name}");
        }
    }
}

#[test]
fn another_content_key_or_namespace_is_refused() {
    let vectors = vectors();
    for (name, signed) in &vectors.taken {
        let refused = propose("b3RoZXI=", signed).unwrap_err();
        assert_eq!(refused.refusal(), Refusal::Unverified, "{name}: {refused}");
        for (other, with) in vectors.taken.iter().filter(|(other, _)| *other != name) {
            let mut mixed = signed.clone();
            mixed.key.clone_from(&with.key);
            assert!(
                propose(&vectors.content, &mixed).is_err(),
                "{name} by {other}"
            );
        }
    }
    let reason = |name: &str| {
        let refused = propose(&vectors.content, &vectors.refused[name]);
        refused.unwrap_err().to_string()
    };
    let namespace = "expected of format ssh a signature of namespace file, found something else";
    assert_eq!(reason("ssh-of-git"), namespace);
    let valid = "expected of format pgp a key that is neither revoked nor expired when it signed, found something else";
    assert_eq!(reason("pgp-revoked"), valid);
    let strong = "expected of format pgp a signature of data over sha256, sha384 or sha512, found something else";
    assert_eq!(reason("pgp-sha1"), strong);
    assert!(reason("minisign-of-another").starts_with("verifying signature: "));
}

/// Never a panic, and never another signature under the same leaf.
#[test]
fn a_signature_with_another_byte_is_refused_or_the_same() {
    let vectors = vectors();
    for (name, signed) in &vectors.taken {
        // The armor of pgp is kept as it is.
        if signed.format == "pgp" && name != "pgp-binary" {
            continue;
        }
        let leaf = propose(&vectors.content, signed).unwrap();
        let bytes = decode(&signed.signature);
        for at in 0..bytes.len() {
            let mut other = bytes.clone();
            other[at] ^= 0x02;
            let mut changed = signed.clone();
            changed.signature = STANDARD.encode(&other);
            if let Ok(entry) = propose(&vectors.content, &changed) {
                let same = entry.canonical() == leaf.canonical();
                // Key ids of minisign, and what pgp does not sign, are hints and part of the leaf.
                assert!(same || signed.format != "ssh", "{name}: byte {at}");
            }
        }
    }
}

#[test]
fn keys_of_ssh_stand_among_options_and_comments() {
    let vectors = vectors();
    let signed = &vectors.taken["ssh-ed25519"];
    let line = String::from_utf8(decode(&signed.key)).unwrap();
    let leaf = propose(&vectors.content, signed).unwrap();
    for text in [
        format!("# ssh-ed25519 comment\r\n\n  {line}"),
        format!("no-pty,command=\"a \\\" b\" {line}"),
        format!("not a key\n{line}and more\n"),
    ] {
        let mut changed = signed.clone();
        changed.key = STANDARD.encode(&text);
        let found = propose(&vectors.content, &changed);
        assert_eq!(found.unwrap().canonical(), leaf.canonical(), "{text}");
    }
    for text in [
        "",
        "ssh-ed25519",
        "ssh-ed25519 AAAA",
        "ssh-dss AAAAB3NzaC1kc3M=",
        "\u{0}",
    ] {
        let mut changed = signed.clone();
        changed.key = STANDARD.encode(text);
        let refused = propose(&vectors.content, &changed).unwrap_err();
        assert!(
            matches!(refused, RefusedEntry::Detached { .. }),
            "{text:?}: {refused}"
        );
    }
}

#[test]
fn keys_of_pgp_are_found_by_their_addresses() {
    let vectors = vectors();
    let keys = |name: &str| {
        let entry = propose(&vectors.content, &vectors.taken[name]);
        entry.unwrap().index_keys().unwrap()
    };
    assert!(keys("pgp-rsa").contains(&"some.body@example.test".to_owned()));
    let two = keys("pgp-two-names");
    for address in ["some.body@example.test", "other@example.test"] {
        assert!(two.contains(&address.to_owned()), "{two:?}");
    }
}

/// What is not the key's own, or not whole, makes no key.
#[test]
fn keys_of_pgp_that_lack_something_are_refused() {
    let vectors = vectors();
    let binary = &vectors.taken["pgp-binary"];
    let key = decode(&binary.key);
    for len in 0..key.len() {
        let mut changed = binary.clone();
        changed.key = STANDARD.encode(&key[..len]);
        assert!(propose(&vectors.content, &changed).is_err(), "{len}");
    }
    for at in 0..key.len() {
        let mut other = key.clone();
        other[at] ^= 0x10;
        let mut changed = binary.clone();
        changed.key = STANDARD.encode(&other);
        // Of no matter are only the parts of a signature that are not signed.
        if let Ok(entry) = propose(&vectors.content, &changed) {
            assert!(
                entry
                    .index_keys()
                    .unwrap()
                    .contains(&"some.body@example.test".to_owned())
            );
        }
    }
}

#[test]
fn a_key_and_signature_of_upstream_are_taken() {
    let body = include_bytes!("vectors/rekord/upstream.json");
    let entry = ProposedEntry::parse(body).unwrap().verify(&Uncached, 0);
    let entry = entry.unwrap();
    let plain = canonical(&entry);
    let armored = String::from_utf8(decode(&plain.signature)).unwrap();
    assert!(armored.starts_with("-----BEGIN PGP SIGNATURE-----\n\n"));
    assert!(armored.ends_with("\n-----END PGP SIGNATURE-----"));
    let keys = entry.index_keys().unwrap();
    assert!(keys.iter().any(|key| key.contains('@')), "{keys:?}");
}
