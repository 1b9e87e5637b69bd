//! A Sigstore bundle verified without any network: artifact, signature, log entry, inclusion, checkpoint.
//!
//! Who signed is judged only by comparing keys. A certificate's chain, names and validity, and RFC 3161 timestamps, are
//! not looked at: see [`Signer::Any`].

mod leaf;
mod timestamp;

use treering_attest::bundle::{
    BundleContent, MessageSignature, TlogEntry, TlogProof, VerificationMaterial,
};
use treering_attest::{
    DigestAlgorithm, Envelope, PublicKey, SigstoreBundle, Statement, VerifierMaterial, verify,
    verify_digest,
};
use treering_tlog::checkpoint::{self, Opened};
use treering_tlog::merkle::InclusionProof;
use treering_tlog::{Hash, LeafIndex, TreeSize};

use crate::sign::IN_TOTO_TYPE;
use crate::trust::{LogKey, TrustError, TrustedRoot};
use leaf::Claim;

/// Whose signature counts.
#[derive(Clone, Debug)]
pub enum Signer {
    /// This key's.
    Key(PublicKey),
    /// Anybody's: that of the certificate in the bundle, whoever made it. Proves integrity and logging, and nothing about
    /// who signed.
    Any,
}

/// Which logs count.
#[derive(Clone, Debug)]
pub enum Logs {
    /// Those of a trusted root.
    Root(TrustedRoot),
    /// This one.
    Key(Box<LogKey>),
}

/// Something that was checked and held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// What was checked.
    pub name: &'static str,
    /// What was found.
    pub detail: String,
}

/// What a verified bundle proves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Everything that was checked, in order.
    pub checks: Vec<Check>,
    /// SHA-256 of the SubjectPublicKeyInfo of the key that signed.
    pub signer: Hash,
    /// Whether that key was demanded; otherwise nobody has judged whose it is.
    pub signer_judged: bool,
    /// The predicate type of the statement, if the bundle holds one.
    pub predicate_type: Option<String>,
    /// The first line of the checkpoint.
    pub origin: String,
    /// The index of the entry in that log's tree.
    pub index: LeafIndex,
    /// The size of the tree that it was proven in.
    pub size: TreeSize,
    /// When a Rekor v1 log says that it took the entry; its signature over that was checked.
    pub integrated_time: Option<u64>,
}

/// Why a bundle does not verify.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BundleFailure {
    /// A check did not hold.
    #[error("{check}: expected {expected}, found {found}")]
    Failed {
        /// The check.
        check: &'static str,
        /// What it demands.
        expected: String,
        /// What there is.
        found: String,
    },
    /// A check whose own error says what it expected and found.
    #[error("{check}: {detail}")]
    Refused {
        /// The check.
        check: &'static str,
        /// What it says.
        detail: String,
    },
    /// There is no log entry to verify.
    #[error("expected an entry of a transparency log in the bundle, found none")]
    NothingLogged,
    /// Nothing says whom to trust.
    #[error(transparent)]
    Trust(#[from] TrustError),
}

fn failed(
    check: &'static str,
    expected: impl Into<String>,
    found: impl Into<String>,
) -> BundleFailure {
    BundleFailure::Failed {
        check,
        expected: expected.into(),
        found: found.into(),
    }
}

fn refused(check: &'static str, error: impl std::fmt::Display) -> BundleFailure {
    BundleFailure::Refused {
        check,
        detail: error.to_string(),
    }
}

/// Verifies a bundle for an artifact.
///
/// # Errors
/// [`BundleFailure`]: the first check that does not hold.
pub fn verify_bundle(
    bundle: &[u8],
    artifact: &[u8],
    signer: &Signer,
    logs: &Logs,
) -> Result<Verdict, BundleFailure> {
    let bundle = SigstoreBundle::parse(bundle).map_err(|e| refused("bundle", e))?;
    let (key, material) = signing_key(&bundle, signer)?;
    let signed = Signed::check(&bundle, artifact, &key)?;
    let mut checks = signed.checks.clone();
    let mut last = None;
    for entry in bundle.tlog_entries() {
        last = Some(check_entry(entry, &signed, &material, logs, &mut checks)?);
    }
    let logged = last.ok_or(BundleFailure::NothingLogged)?;
    let signed_checkpoint = logged.opened.checkpoint();
    Ok(Verdict {
        checks,
        signer: Hash::new(key.fingerprint()),
        signer_judged: matches!(signer, Signer::Key(_)),
        predicate_type: signed.predicate_type,
        origin: signed_checkpoint.origin.to_string(),
        index: logged.index,
        size: signed_checkpoint.size,
        integrated_time: logged.integrated_time,
    })
}

/// The key to verify with, and what the log entry must name.
fn signing_key(
    bundle: &SigstoreBundle<'_>,
    signer: &Signer,
) -> Result<(PublicKey, VerifierMaterial), BundleFailure> {
    let certificate = match bundle.material() {
        VerificationMaterial::Certificates(chain) => {
            let der = chain.first().map(Vec::as_slice).unwrap_or_default();
            let material = VerifierMaterial::from_certificate_der(der);
            Some(material.map_err(|e| refused("bundle", e))?)
        }
        VerificationMaterial::PublicKeyHint(_) => None,
    };
    match (signer, certificate) {
        (Signer::Key(key), None) => Ok((key.clone(), key.clone().into())),
        (Signer::Any, Some(material)) => Ok((material.key().clone(), material)),
        (Signer::Any, None) => {
            let expected =
                "a public key for the signature (the bundle names one and carries no certificate)"
                    .to_owned();
            Err(TrustError::Absent { expected }.into())
        }
        (Signer::Key(key), Some(material)) if material.key() == key => Ok((key.clone(), material)),
        (Signer::Key(key), Some(material)) => {
            let name = |key: &PublicKey| {
                format!("{} key {}", key.algorithm(), hex::encode(key.fingerprint()))
            };
            Err(failed(
                "signature",
                name(key),
                format!("a certificate of {}", name(material.key())),
            ))
        }
    }
}

/// What the bundle's signature covers, after it was verified and tied to the artifact.
struct Signed<'a> {
    content: Content<'a>,
    signature: Vec<u8>,
    predicate_type: Option<String>,
    checks: Vec<Check>,
}

enum Content<'a> {
    Artifact(&'a [u8]),
    Envelope(Envelope<'a>),
}

impl<'a> Signed<'a> {
    fn check(
        bundle: &SigstoreBundle<'a>,
        artifact: &'a [u8],
        key: &PublicKey,
    ) -> Result<Self, BundleFailure> {
        match bundle.content() {
            BundleContent::Message(message) => Self::message(message, artifact, key),
            BundleContent::Dsse(envelope) => {
                Self::envelope(envelope.get().as_bytes(), artifact, key)
            }
        }
    }

    fn message(
        message: &MessageSignature,
        artifact: &'a [u8],
        key: &PublicKey,
    ) -> Result<Self, BundleFailure> {
        if let Some((algorithm, digest)) = &message.digest {
            let ours = algorithm.of(artifact);
            if ours != *digest {
                let say = |digest: &[u8]| format!("{}:{}", algorithm.name(), hex::encode(digest));
                return Err(failed(
                    "artifact",
                    format!("{} as the bundle says", say(digest)),
                    say(&ours),
                ));
            }
        }
        let algorithm = key.algorithm().digest_algorithm();
        let digest = algorithm.of(artifact);
        verify_digest(key, algorithm, &digest, &message.signature)
            .map_err(|e| refused("signature", e))?;
        let artifact_check = Check {
            name: "artifact",
            detail: format!("{}:{}", algorithm.name(), hex::encode(&digest)),
        };
        Ok(Self {
            content: Content::Artifact(artifact),
            signature: message.signature.clone(),
            predicate_type: None,
            checks: vec![artifact_check, signature_check(key)],
        })
    }

    fn envelope(bytes: &'a [u8], artifact: &[u8], key: &PublicKey) -> Result<Self, BundleFailure> {
        let envelope = Envelope::parse(bytes).map_err(|e| refused("bundle", e))?;
        let [signature] = envelope.signatures() else {
            return Err(failed(
                "bundle",
                "one signature in the envelope",
                envelope.signatures().len().to_string(),
            ));
        };
        let signature = signature.sig.clone();
        verify(
            key,
            key.algorithm().digest_algorithm(),
            &envelope.pae(),
            &signature,
        )
        .map_err(|e| refused("signature", e))?;
        let (statement, subject) = find_subject(&envelope, artifact)?;
        let detail = format!("{subject}, a subject of {}", statement.predicate_type);
        Ok(Self {
            content: Content::Envelope(envelope),
            signature,
            predicate_type: Some(statement.predicate_type),
            checks: vec![
                signature_check(key),
                Check {
                    name: "artifact",
                    detail,
                },
            ],
        })
    }

    /// What a log entry must say of the content, by what it says: the digest of the same thing.
    fn digest(&self, claim: &Claim) -> Option<Vec<u8>> {
        match (&self.content, claim.payload_only) {
            (Content::Artifact(artifact), false) => Some(claim.algorithm.of(artifact)),
            (Content::Envelope(envelope), false) => Some(envelope.pae_digest(claim.algorithm)),
            (Content::Envelope(envelope), true) => Some(envelope.payload_digest(claim.algorithm)),
            (Content::Artifact(_), true) => None,
        }
    }
}

fn signature_check(key: &PublicKey) -> Check {
    let detail = format!(
        "by {} key {}",
        key.algorithm(),
        hex::encode(key.fingerprint())
    );
    Check {
        name: "signature",
        detail,
    }
}

/// The statement in an envelope, and the digest by which it names the artifact.
fn find_subject(
    envelope: &Envelope<'_>,
    artifact: &[u8],
) -> Result<(Statement, String), BundleFailure> {
    if envelope.payload_type() != IN_TOTO_TYPE {
        return Err(failed(
            "artifact",
            format!("a payload of type {IN_TOTO_TYPE}"),
            envelope.payload_type(),
        ));
    }
    let payload = envelope.payload().map_err(|e| refused("bundle", e))?;
    let statement = Statement::parse(&payload).map_err(|e| refused("artifact", e))?;
    let ours: Vec<(&str, String)> = [
        DigestAlgorithm::Sha256,
        DigestAlgorithm::Sha384,
        DigestAlgorithm::Sha512,
    ]
    .into_iter()
    .map(|algorithm| (algorithm.name(), hex::encode(algorithm.of(artifact))))
    .collect();
    let named = |(name, value): &&(&str, String)| {
        let mut digests = statement
            .subjects
            .iter()
            .flat_map(|subject| &subject.digests);
        digests.any(|(algorithm, digest)| algorithm == name && digest.eq_ignore_ascii_case(value))
    };
    match ours.iter().find(named) {
        Some((name, value)) => {
            let subject = format!("{name}:{value}");
            Ok((statement, subject))
        }
        None => {
            let found = statement
                .subjects
                .iter()
                .flat_map(|subject| &subject.digests)
                .take(3);
            let found: Vec<String> = found
                .map(|(name, value)| format!("{name}:{value}"))
                .collect();
            let artifact: Vec<String> = ours
                .iter()
                .take(1)
                .map(|(name, value)| format!("{name}:{value}"))
                .collect();
            let expected = format!("a subject with the artifact's {}", artifact.join(""));
            Err(failed(
                "artifact",
                expected,
                format!(
                    "{} subjects: {}",
                    statement.subjects.len(),
                    found.join(", ")
                ),
            ))
        }
    }
}

/// A log entry that was verified.
struct Logged {
    opened: Opened,
    index: LeafIndex,
    integrated_time: Option<u64>,
}

fn check_entry(
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
