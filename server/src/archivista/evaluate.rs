//! What an envelope is to this server: an entry's own, one more entry, or one of unknown keys.

use std::cell::{Cell, OnceCell};

use treering_api::reject::{Reject, RejectKind};
use treering_attest::{
    DigestAlgorithm, Envelope, EnvelopeSignature, KeyAlgorithm, KeyAliases, KeyDigest, PublicKey,
    VerifierMaterial, verify, verify_digest,
};
use treering_rekor::v1::{Entry, MAX_ATTEMPTS};
use treering_storage::Order;
use treering_tlog::Hash;

use super::join::Place;
use super::{Archivista, leaf, store_fault};
use crate::log::signer_keys::term;

/// As much of a key id as an error repeats, in characters.
pub(super) const ECHO: usize = 80;

/// What becomes of an envelope.
#[derive(Debug)]
pub(super) enum Verdict {
    /// An entry has its payload and one of its signatures.
    Attach(Place),
    /// Every signature is verified by one of these, in the order of the signatures.
    Log(Vec<VerifierMaterial>),
    /// Not every key is known; these are the digests by which the missing ones may become known.
    Unknown(Vec<KeyDigest>),
}

/// An envelope and what its signatures are made over, computed once.
pub(super) struct Signed<'e> {
    pub(super) envelope: &'e Envelope<'e>,
    pub(super) payload: Hash,
    pae_digest: Vec<u8>,
    /// Ed25519 needs the whole of it.
    pae: OnceCell<Vec<u8>>,
    attempts: Cell<usize>,
}

/// What is known of the key of a signature.
enum Signer {
    Verified(VerifierMaterial),
    Unknown(Option<KeyDigest>),
}

impl<'e> Signed<'e> {
    pub(super) fn new(envelope: &'e Envelope<'e>) -> Self {
        Self {
            envelope,
            payload: payload_hash(envelope),
            pae_digest: envelope.pae_digest(DigestAlgorithm::Sha256),
            pae: OnceCell::new(),
            attempts: Cell::new(0),
        }
    }

    /// How often a key was tried so far.
    pub(super) const fn attempts(&self) -> usize {
        self.attempts.get()
    }

    /// Whether a key verifies a signature, as entries of Rekor v1 are verified.
    pub(super) fn verifies(&self, key: &PublicKey, signature: &[u8]) -> bool {
        self.attempts.set(self.attempts.get() + 1);
        const SHA256: DigestAlgorithm = DigestAlgorithm::Sha256;
        if key.algorithm() == KeyAlgorithm::Ed25519 {
            let pae = self.pae.get_or_init(|| self.envelope.pae());
            return verify(key, SHA256, pae, signature).is_ok();
        }
        verify_digest(key, SHA256, &self.pae_digest, signature).is_ok()
    }
}

impl Archivista {
    /// Looks an envelope up: `first` is an entry that is compared before those that the logs' terms lead to. Blocks.
    ///
    /// # Errors
    /// `Unverified` if a signature does not verify by the key that it names, those of the store.
    pub(super) fn evaluate(
        &self,
        signed: &Signed<'_>,
        first: Option<Place>,
    ) -> Result<Verdict, Reject> {
        let mut verifiers = Vec::new();
        let mut missing = Vec::new();
        let mut all_known = true;
        for (position, signature) in signed.envelope.signatures().iter().enumerate() {
            match self.signer(signed, position, signature)? {
                Signer::Verified(material) => verifiers.push(material),
                Signer::Unknown(digest) => {
                    all_known = false;
                    missing.extend(digest);
                }
            }
        }
        if let Some(place) = self.join(signed, first)? {
            return Ok(Verdict::Attach(place));
        }
        Ok(if all_known {
            Verdict::Log(verifiers)
        } else {
            Verdict::Unknown(missing)
        })
    }

    /// Finds the key of a signature: the one that it brings, the one that its key id stands for, or else one of the settings.
    fn signer(
        &self,
        signed: &Signed<'_>,
        position: usize,
        signature: &EnvelopeSignature,
    ) -> Result<Signer, Reject> {
        let sig = &signature.sig;
        if let Some(certificate) = &signature.certificate {
            let material = VerifierMaterial::from_pem_or_der(certificate).map_err(|error| {
                let message = format!("signatures[{position}].certificate: {error}");
                Reject::new(RejectKind::Malformed, message)
            })?;
            return verified(signed, position, signature, material);
        }
        let mut named = self.known.named(&signature.keyid);
        if let Some(material) = named.find(|material| signed.verifies(material.key(), sig)) {
            return Ok(Signer::Verified(material.clone()));
        }
        let digest = KeyAliases::parse_key_id(&signature.keyid);
        if let Some(digest) = &digest
            && let Some(material) = self.key_of(digest)?
        {
            return verified(signed, position, signature, material);
        }
        let tried = self.known.all().find(|material| {
            signed.attempts() < MAX_ATTEMPTS && signed.verifies(material.key(), sig)
        });
        Ok(tried.map_or(Signer::Unknown(digest), |material| {
            Signer::Verified(material.clone())
        }))
    }

    /// The key that goes by a digest: one of the settings, or of the newest entry that has it.
    fn key_of(&self, digest: &KeyDigest) -> Result<Option<VerifierMaterial>, Reject> {
        if let Some(known) = self.known.by_digest(digest) {
            return Ok(Some(known.clone()));
        }
        let store = self.service.store();
        for log in self.logs() {
            let found = store.find(log.identity.id, &term(digest), Order::NEWEST, 1);
            let Some(index) = found.map_err(|error| store_fault(&error))?.pop() else {
                continue;
            };
            let rows = store.entries(log.identity.id, index, 1);
            let rows = rows.map_err(|error| store_fault(&error))?;
            let Some(entry) = rows.first().and_then(|row| Entry::parse(&row.leaf).ok()) else {
                continue;
            };
            // The term only points there; which key it is, the leaf says.
            let mut keys = leaf::keys(&entry, self.service.key_cache()).into_iter();
            if let Some(key) = keys.find(|key| KeyAliases::of(key).contains(digest)) {
                // Not its certificate, which whoever logged it chose.
                return Ok(Some(VerifierMaterial::Key(key)));
            }
        }
        Ok(None)
    }
}

/// SHA-256 of the payload of an envelope.
pub(super) fn payload_hash(envelope: &Envelope<'_>) -> Hash {
    let payload = envelope.payload_digest(DigestAlgorithm::Sha256);
    Hash::new(<[u8; 32]>::try_from(payload).expect("SHA-256 has 32 bytes"))
}

/// A key that a signature names verifies it, or the envelope is refused.
fn verified(
    signed: &Signed<'_>,
    position: usize,
    signature: &EnvelopeSignature,
    material: VerifierMaterial,
) -> Result<Signer, Reject> {
    if signed.verifies(material.key(), &signature.sig) {
        return Ok(Signer::Verified(material));
    }
    let key_id: String = signature.keyid.chars().take(ECHO).collect();
    let fingerprint = hex::encode(material.key().fingerprint());
    Err(Reject::mismatch(
        RejectKind::Unverified,
        format!(
            "signatures[{position}] by the key that key id {key_id:?} names (SHA-256 of its public key {fingerprint})"
        ),
        "a signature that this key does not verify",
    ))
}
