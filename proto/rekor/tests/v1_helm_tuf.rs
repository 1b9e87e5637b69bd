//! `helm 0.0.1` and `tuf 0.0.1`, held to what upstream says of the same requests.
#![expect(clippy::unwrap_used, reason = "what tests share panics as tests do")]

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Value, json};
use treering_rekor::v1::{
    Entry, ProposedEntry, Refusal, RefusedEntry, SearchIndex, Uncached, VerifiedEntry, index_keys,
};

/// What upstream takes and is refused here, and why; the README says so.
const STRICTER: [(&str, &str); 7] = [
    ("tuf-rsa-salt-20", "valid signatures did not meet threshold"),
    (
        "tuf-one-key-under-two-names",
        "valid signatures did not meet threshold: expected 2 keys of role root, found 1",
    ),
    ("helm-other-hash", "SHA mismatch"),
    ("helm-two-files", "the digest of one file"),
    ("helm-sha512", "a digest of sha256"),
    ("helm-short-digest", "a digest of sha256"),
    ("helm-sha1", "sha256, sha384 or sha512"),
];

#[derive(Deserialize)]
struct Case {
    name: String,
    body: String,
    leaf: Option<String>,
    #[serde(default)]
    keys: Vec<String>,
}

fn cases() -> BTreeMap<String, Case> {
    let lines = include_str!("vectors/helm-tuf/cases.jsonl").lines();
    let cases = lines.map(|line| serde_json::from_str::<Case>(line).unwrap());
    cases.map(|case| (case.name.clone(), case)).collect()
}

fn propose(body: &str) -> Result<VerifiedEntry, RefusedEntry> {
    ProposedEntry::parse(body.as_bytes())
        .unwrap()
        .verify(&Uncached, 0)
}

#[test]
fn leaves_and_index_keys_are_those_of_upstream() {
    let mut taken = 0;
    for (name, case) in cases() {
        let found = propose(&case.body);
        let stricter = STRICTER.iter().find(|(stricter, _)| *stricter == name);
        let (Some(leaf), None) = (&case.leaf, stricter) else {
            let refused = found.expect_err(&name).to_string();
            let reason = stricter.map_or("", |(_, reason)| reason);
            assert!(refused.contains(reason), "{name}: {refused}");
            continue;
        };
        let entry = found.unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(entry.canonical().leaf(), leaf.as_bytes(), "{name}");
        assert_eq!(Entry::parse(leaf.as_bytes()).as_ref(), Ok(entry.entry()));
        // As they are asked for, each once.
        let mut keys: Vec<String> = Vec::new();
        for key in case.keys.iter().map(|key| key.to_lowercase()) {
            if !keys.contains(&key) {
                keys.push(key);
            }
        }
        assert_eq!(entry.index_keys().unwrap(), keys, "{name}");
        assert_eq!(index_keys(entry.entry(), None).unwrap(), keys);
        taken += 1;
    }
    assert_eq!(taken, 38);
}

#[test]
fn a_leaf_of_tuf_can_be_looked_up_and_one_of_helm_cannot() {
    for (name, case) in cases() {
        let Some(leaf) = case.leaf.filter(|_| propose(&case.body).is_ok()) else {
            continue;
        };
        let proposed = ProposedEntry::parse(case.body.as_bytes()).unwrap();
        let hash = proposed.look_up(&Uncached).unwrap();
        let canonical = ProposedEntry::parse(leaf.as_bytes()).unwrap();
        match proposed.kind() {
            "tuf" => assert_eq!(canonical.look_up(&Uncached), Ok(hash), "{name}"),
            _ => assert!(canonical.look_up(&Uncached).is_err(), "{name}"),
        }
    }
}

#[test]
fn entries_are_found_by_root_and_by_key() {
    let cases = cases();
    let content = |name: &str, pointer: &str| {
        let body: Value = serde_json::from_str(&cases[name].body).unwrap();
        body.pointer(pointer).unwrap().clone()
    };
    let search = |format: &str, content: &Value| {
        let body = json!({"publicKey": {"format": format, "content": content}}).to_string();
        SearchIndex::parse(body.as_bytes(), &Uncached)
    };
    for name in ["tuf-upstream-base64", "tuf-upstream-reformatted"] {
        let found = search("tuf", &content(name, "/spec/root/content")).unwrap();
        assert_eq!(found.keys, cases[name].keys[3..], "{name}");
    }
    for name in ["helm-upstream", "helm-gpg-binary-key"] {
        let found = search("pgp", &content(name, "/spec/publicKey/content")).unwrap();
        assert_eq!(found.keys, cases[name].keys[..1], "{name}");
    }
    let unsigned = content("tuf-upstream-unsigned-root", "/spec/root/content");
    assert!(search("tuf", &unsigned).is_err());
}

/// Of metadata and root, what expires first counts; what has expired can still be looked up.
#[test]
fn metadata_that_has_expired_is_refused() {
    let cases = cases();
    let body = cases["tuf-upstream-base64"].body.as_bytes();
    let proposed = ProposedEntry::parse(body).unwrap();
    let expired = 1_639_855_692;
    assert!(proposed.verify(&Uncached, expired - 1).is_ok());
    let refused = proposed.verify(&Uncached, expired).unwrap_err();
    assert_eq!(
        refused,
        RefusedEntry::Expired {
            expired,
            now: expired
        }
    );
    assert_eq!(refused.refusal(), Refusal::Unverified);
    assert!(proposed.look_up(&Uncached).is_ok());
}

/// Never a panic, and never another document under the same signatures.
#[test]
fn metadata_with_another_byte_is_refused_or_means_the_same() {
    let cases = cases();
    let case = &cases["tuf-two-of-three"];
    let body: Value = serde_json::from_str(&case.body).unwrap();
    let signed = |leaf: &[u8]| {
        let leaf: Value = serde_json::from_slice(leaf).unwrap();
        let content = leaf.pointer("/spec/metadata/content").unwrap();
        let content = STANDARD.decode(content.as_str().unwrap()).unwrap();
        let document: Value = serde_json::from_slice(&content).unwrap();
        document["signed"].clone()
    };
    let expected = signed(case.leaf.as_ref().unwrap().as_bytes());
    let content = body.pointer("/spec/metadata/content").unwrap();
    let bytes = STANDARD.decode(content.as_str().unwrap()).unwrap();
    let mut taken = 0;
    for at in 0..bytes.len() {
        let mut other = bytes.clone();
        other[at] ^= 0x01;
        let mut changed = body.clone();
        *changed.pointer_mut("/spec/metadata/content").unwrap() = STANDARD.encode(&other).into();
        if let Ok(entry) = propose(&changed.to_string()) {
            assert_eq!(signed(entry.canonical().leaf()), expected, "byte {at}");
            taken += 1;
        }
    }
    assert!(taken < bytes.len() / 10, "{taken} of {}", bytes.len());
}

#[test]
fn a_provenance_file_with_another_byte_is_refused_or_means_the_same() {
    let cases = cases();
    let case = &cases["helm-gpg"];
    let body: Value = serde_json::from_str(&case.body).unwrap();
    let content = body.pointer("/spec/chart/provenance/content").unwrap();
    let bytes = STANDARD.decode(content.as_str().unwrap()).unwrap();
    let expected = propose(&case.body).unwrap();
    let Entry::Helm(expected) = expected.entry() else {
        panic!("another kind");
    };
    for at in 0..bytes.len() {
        let mut other = bytes.clone();
        other[at] ^= 0x01;
        let mut changed = body.clone();
        *changed
            .pointer_mut("/spec/chart/provenance/content")
            .unwrap() = STANDARD.encode(&other).into();
        if let Ok(entry) = propose(&changed.to_string()) {
            let Entry::Helm(found) = entry.entry() else {
                panic!("another kind");
            };
            assert_eq!(found.chart.hash, expected.chart.hash, "byte {at}");
        }
    }
}

#[test]
fn what_is_too_much_is_refused() {
    let document = |signed: Value, signatures: usize| {
        let signature = json!({"keyid": "", "sig": ""});
        json!({"signed": signed, "signatures": vec![signature; signatures]})
    };
    let tuf = |document: &Value| {
        let content = json!({"content": document});
        let spec = json!({"root": content, "metadata": content});
        json!({"apiVersion": "0.0.1", "kind": "tuf", "spec": spec}).to_string()
    };
    let header = json!({"_type": "root", "expires": "2030-01-01T00:00:00Z"});
    let reason = |document: &Value| propose(&tuf(document)).unwrap_err().to_string();
    assert!(reason(&document(header.clone(), 64)).contains("a role that the root knows"));
    assert!(reason(&document(header.clone(), 65)).contains("at most 64 signatures"));
    let mut keys = header.clone();
    let key = json!({"keytype": "ed25519", "keyval": {"public": ""}});
    keys["keys"] = (0..257).map(|i| (i.to_string(), key.clone())).collect();
    assert!(reason(&document(keys, 1)).contains("at most 256 keys"));
    let mut long = header;
    long["custom"] = "x".repeat(128 * 1024).into();
    assert!(reason(&document(long, 1)).contains("at most 128 KiB"));
    let content = STANDARD.encode(vec![b'x'; 256 * 1024 + 1]);
    let chart = json!({"provenance": {"content": content}});
    let spec = json!({"publicKey": {"content": "AA=="}, "chart": chart});
    let body = json!({"apiVersion": "0.0.1", "kind": "helm", "spec": spec}).to_string();
    assert!(
        propose(&body)
            .unwrap_err()
            .to_string()
            .contains("at most 256 KiB")
    );
}
