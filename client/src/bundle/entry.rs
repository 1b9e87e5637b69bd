//! The bundle's log entry: about this signature, included, under a checkpoint of a trusted log.

use treering_attest::VerifierMaterial;
use treering_attest::bundle::{TlogEntry, TlogProof};
use treering_tlog::checkpoint::{self, Opened};
use treering_tlog::merkle::InclusionProof;
use treering_tlog::{Hash, LeafIndex};

use super::leaf::Claim;
use super::signed::Signed;
use super::{BundleFailure, Check, Logs, failed, timestamp};

/// A log entry that was verified.
pub(super) struct Logged {
    pub(super) opened: Opened,
    pub(super) index: LeafIndex,
    pub(super) integrated_time: Option<u64>,
}

pub(super) fn check_entry(
    entry: &TlogEntry,
    signed: &Signed<'_>,
    material: &VerifierMaterial,
    logs: &Logs,
    checks: &mut Vec<Check>,
) -> Result<Logged, BundleFailure> {
    let claim = Claim::parse(&entry.kind, &entry.version, &entry.canonicalized_body)?;
    match_claim(&claim, signed, material)?;
    checks.push(Check {
        name: "entry",
        detail: format!("{} {} of the same signature", entry.kind, entry.version),
    });

    let proof = entry.inclusion_proof.as_ref();
    let proof = proof.ok_or_else(|| failed("inclusion", "an inclusion proof", "none"))?;
    let opened = open_checkpoint(entry, proof, logs)?;
    let signed_checkpoint = opened.checkpoint();
    let detail = format!(
        "{} signed size {}",
        signed_checkpoint.origin, signed_checkpoint.size
    );
    checks.push(Check {
        name: "checkpoint",
        detail,
    });

    let index = check_inclusion(entry, proof, &opened)?;
    checks.push(Check {
        name: "inclusion",
        detail: format!("index {index} of {}", signed_checkpoint.size),
    });

    let integrated_time = timestamp::check(entry, logs)?;
    if let Some(seconds) = integrated_time {
        checks.push(Check {
            name: "entry timestamp",
            detail: format!("{seconds} s since 1970, signed by the log"),
        });
    }
    Ok(Logged {
        opened,
        index,
        integrated_time,
    })
}

/// The entry must be about this signature, over this content, by this signer.
fn match_claim(
    claim: &Claim,
    signed: &Signed<'_>,
    material: &VerifierMaterial,
) -> Result<(), BundleFailure> {
    let algorithm = claim.algorithm.name();
    let say = |digest: &[u8]| format!("{algorithm}:{}", hex::encode(digest));
    let digest = signed.digest(claim);
    let digest = digest
        .ok_or_else(|| failed("entry", "an entry of an artifact", "one of an attestation"))?;
    if digest != claim.digest {
        return Err(failed(
            "entry",
            format!("{} of what was signed", say(&digest)),
            say(&claim.digest),
        ));
    }
    if signed.signature != claim.signature {
        let (expected, found) = (
            hex::encode(&signed.signature),
            hex::encode(&claim.signature),
        );
        return Err(failed(
            "entry",
            format!("the bundle's signature {expected}"),
            found,
        ));
    }
    let same = match (material, &claim.verifier) {
        (
            VerifierMaterial::Certificate { der, .. },
            VerifierMaterial::Certificate { der: found, .. },
        ) => der == found,
        (VerifierMaterial::Key(key), VerifierMaterial::Key(found)) => key == found,
        _ => false,
    };
    if same {
        return Ok(());
    }
    let say = |material: &VerifierMaterial| match material {
        VerifierMaterial::Key(key) => format!("key {}", hex::encode(key.fingerprint())),
        VerifierMaterial::Certificate { der, .. } => {
            format!("certificate sha256:{}", Hash::of(der))
        }
    };
    Err(failed("entry", say(material), say(&claim.verifier)))
}

fn open_checkpoint(
    entry: &TlogEntry,
    proof: &TlogProof,
    logs: &Logs,
) -> Result<Opened, BundleFailure> {
    let wrong = |expected: String, found: &dyn std::fmt::Display| {
        failed("checkpoint", expected, found.to_string())
    };
    if proof.checkpoint.is_empty() {
        return Err(failed("checkpoint", "a signed checkpoint", "none"));
    }
    let note = proof.checkpoint.as_bytes();
    match logs {
        Logs::Key(key) => {
            if entry.log_id != key.key().full_id() {
                let expected = format!(
                    "log id {} of the given vkey",
                    hex::encode(key.key().full_id())
                );
                return Err(wrong(expected, &hex::encode(&entry.log_id)));
            }
            key.open(note)
                .map_err(|e| wrong(format!("one signed by {}", key.origin()), &e))
        }
        Logs::Root(root) => {
            let log = root.log(&entry.log_id)?;
            let v1 = entry.signed_entry_timestamp.is_some();
            let key = if v1 {
                log.v1_checkpoint_key(note)?
            } else {
                log.checkpoint_key()?
            };
            let opened = checkpoint::open(note, &key)
                .map_err(|e| wrong(format!("one signed by the key of {}", log.base_url()), &e))?;
            let (origin, name) = (opened.checkpoint().origin.as_str(), key.name().as_str());
            // Rekor v1 writes the tree's id behind its name.
            let of_tree = origin
                .strip_prefix(name)
                .is_some_and(|rest| rest.starts_with(" - "));
            if origin == name || (v1 && of_tree) {
                return Ok(opened);
            }
            Err(wrong(format!("origin {name}"), &origin))
        }
    }
}

fn check_inclusion(
    entry: &TlogEntry,
    proof: &TlogProof,
    opened: &Opened,
) -> Result<LeafIndex, BundleFailure> {
    let wrong = |expected: String, found: String| failed("inclusion", expected, found);
    let signed = opened.checkpoint();
    if proof.tree_size != signed.size.get() {
        return Err(wrong(
            format!("a proof of the checkpoint's size {}", signed.size),
            proof.tree_size.to_string(),
        ));
    }
    if proof.root_hash != signed.root.as_bytes() {
        return Err(wrong(
            format!("the checkpoint's root {}", signed.root),
            hex::encode(&proof.root_hash),
        ));
    }
    // A Rekor v1 log counts its entries over all its shards; the tree has its own indexes.
    if entry.signed_entry_timestamp.is_none() && entry.log_index != proof.log_index {
        return Err(wrong(
            format!("a proof of index {}", entry.log_index),
            proof.log_index.to_string(),
        ));
    }
    let index = LeafIndex::new(proof.log_index).ok_or_else(|| {
        wrong(
            "an index below 2^63".to_owned(),
            proof.log_index.to_string(),
        )
    })?;
    let hashes = proof
        .hashes
        .iter()
        .map(|bytes| Hash::try_from(bytes.as_slice()))
        .collect::<Result<_, _>>();
    let hashes = hashes.map_err(|e| wrong("hashes of 32 bytes".to_owned(), e.to_string()))?;
    let inclusion = InclusionProof {
        index,
        size: signed.size,
        hashes,
    };
    let leaf = Hash::leaf(&entry.canonicalized_body);
    inclusion.verify(&leaf, &signed.root).map_err(|e| {
        wrong(
            format!("a proof from leaf {leaf} to the checkpoint's root"),
            e.to_string(),
        )
    })?;
    Ok(index)
}
