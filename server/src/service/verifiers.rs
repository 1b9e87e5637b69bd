//! Parsed keys and certificates, kept: CI systems sign thousands of entries with one key.

use std::collections::HashMap;

use bytes::Bytes;
use parking_lot::Mutex;
use treering_api::reject::{Reject, RejectKind};
use treering_attest::VerifierMaterial;

/// A bounded cache from the bytes of a key or certificate to its parsed form.
pub(crate) struct VerifierCache {
    capacity: usize,
    parsed: Mutex<HashMap<Bytes, VerifierMaterial>>,
}

impl VerifierCache {
    /// An empty cache of at most that many.
    #[must_use]
    pub(crate) fn new(capacity: usize) -> Self {
        Self {
            capacity: capacity.max(1),
            parsed: Mutex::new(HashMap::new()),
        }
    }

    /// Parses a key or certificate, PEM or DER, or takes the one parsed before.
    ///
    /// # Errors
    /// `Malformed` with what was expected and found.
    pub(crate) fn parse(&self, bytes: &Bytes) -> Result<VerifierMaterial, Reject> {
        if let Some(known) = self.parsed.lock().get(bytes) {
            return Ok(known.clone());
        }
        let material = VerifierMaterial::from_pem_or_der(bytes)
            .map_err(|error| Reject::new(RejectKind::Malformed, format!("verifier: {error}")))?;
        let mut parsed = self.parsed.lock();
        if parsed.len() >= self.capacity {
            // Emptying now and then is cheaper than keeping an order, and a parse costs microseconds.
            parsed.clear();
        }
        // The bytes may be a slice of a whole request, which must not be kept alive.
        parsed.insert(Bytes::copy_from_slice(bytes), material.clone());
        Ok(material)
    }
}
