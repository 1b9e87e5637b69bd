//! The bundle's signature: by whom, over what, and that this is the artifact.

use treering_attest::bundle::{BundleContent, MessageSignature, VerificationMaterial};
use treering_attest::{
    DigestAlgorithm, Envelope, PublicKey, SigstoreBundle, Statement, VerifierMaterial, verify,
    verify_digest,
};

use super::leaf::Claim;
use super::{BundleFailure, Check, Signer, failed, refused};
use crate::sign::IN_TOTO_TYPE;
use crate::trust::TrustError;

/// The key to verify with, and what the log entry must name.
pub(super) fn signing_key(
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
pub(super) struct Signed<'a> {
    content: Content<'a>,
    pub(super) signature: Vec<u8>,
    pub(super) predicate_type: Option<String>,
    pub(super) checks: Vec<Check>,
}

enum Content<'a> {
    Artifact(&'a [u8]),
    Envelope(Envelope<'a>),
}

impl<'a> Signed<'a> {
    pub(super) fn check(
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
    pub(super) fn digest(&self, claim: &Claim) -> Option<Vec<u8>> {
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
