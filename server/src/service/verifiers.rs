//! Parsed keys and certificates, kept: CI systems sign thousands of entries with one key.

use std::collections::HashMap;

use bytes::Bytes;
use parking_lot::Mutex;
use treering_api::reject::{Reject, RejectKind};
use treering_attest::{PublicKey, VerifierMaterial};
use treering_rekor::v1;
use treering_rekor::v2::{RefusedEntry, Verifier};

/// The keys and certificates that came lately, parsed.
pub(crate) struct VerifierCache {
    /// Given beside an envelope: PEM or DER.
    given: Parsed<VerifierMaterial>,
    /// Of Rekor v2's requests: DER of the one form or the other, never taken for each other.
    keys: Parsed<PublicKey>,
    certificates: Parsed<PublicKey>,
    /// Of Rekor v1's: PEM of a key, a certificate or a chain.
    pem: Parsed<v1::Verifier>,
}

impl VerifierCache {
    /// An empty cache of at most that many of each sort.
    #[must_use]
    pub(crate) fn new(capacity: usize) -> Self {
        Self {
            given: Parsed::new(capacity),
            keys: Parsed::new(capacity),
            certificates: Parsed::new(capacity),
            pem: Parsed::new(capacity),
        }
    }

    /// Parses a key or certificate, PEM or DER, or takes the one parsed before.
    ///
    /// # Errors
    /// `Malformed` with what was expected and found.
    pub(crate) fn parse(&self, bytes: &Bytes) -> Result<VerifierMaterial, Reject> {
        self.given.get(bytes, || {
            VerifierMaterial::from_pem_or_der(bytes)
                .map_err(|error| Reject::new(RejectKind::Malformed, format!("verifier: {error}")))
        })
    }

    /// Parses the key or certificate of a Rekor v2 request, or takes the one parsed before.
    ///
    /// # Errors
    /// [`RefusedEntry::Key`].
    pub(crate) fn parse_rekor_v2(&self, verifier: &Verifier) -> Result<PublicKey, RefusedEntry> {
        let cache = match verifier {
            Verifier::PublicKey(_) => &self.keys,
            Verifier::Certificate(_) => &self.certificates,
        };
        cache.get(verifier.der(), || verifier.parse())
    }
}

impl v1::Keys for VerifierCache {
    fn parse(&self, pem: &[u8]) -> Result<v1::Verifier, v1::KeyRefused> {
        self.pem.get(pem, || v1::Verifier::parse(pem))
    }
}

/// A bounded cache from bytes to what they were parsed to.
struct Parsed<T> {
    capacity: usize,
    parsed: Mutex<HashMap<Bytes, T>>,
}

impl<T: Clone> Parsed<T> {
    fn new(capacity: usize) -> Self {
        Self {
            capacity: capacity.max(1),
            parsed: Mutex::new(HashMap::new()),
        }
    }

    fn get<E>(&self, bytes: &[u8], parse: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
        if let Some(known) = self.parsed.lock().get(bytes) {
            return Ok(known.clone());
        }
        let value = parse()?;
        let mut parsed = self.parsed.lock();
        if parsed.len() >= self.capacity {
            // Emptying now and then is cheaper than keeping an order, and a parse costs microseconds.
            parsed.clear();
        }
        // The bytes may be a slice of a whole request, which must not be kept alive.
        parsed.insert(Bytes::copy_from_slice(bytes), value.clone());
        Ok(value)
    }
}
