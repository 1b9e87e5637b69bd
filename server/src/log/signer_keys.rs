//! By which digests the keys of entries are found: terms of their own, written once a key.

use std::collections::HashSet;

use parking_lot::Mutex;
use treering_attest::{KeyAliases, KeyDigest, PublicKey};
use treering_storage::Term;

/// How many keys are remembered. Cost: 40 bytes each. Beyond it all are forgotten, and each is written once more with the next
/// entry that it signs.
const REMEMBERED: usize = 65_536;

/// The terms of one key: one for each of its aliases.
pub(crate) const TERMS_OF_KEY: usize = 4;

/// The keys of a log whose terms are in the store, as far as is remembered: a key that signs every entry costs one look-up.
#[derive(Debug, Default)]
pub(crate) struct SignerKeys(Mutex<HashSet<KeyDigest>>);

impl SignerKeys {
    /// Those of the keys whose terms may be missing, by their fingerprints, and these terms.
    pub(crate) fn missing(&self, keys: &[PublicKey]) -> (Vec<KeyDigest>, Vec<Term>) {
        let mut missing: Vec<&PublicKey> = keys.iter().collect();
        {
            let known = self.0.lock();
            missing.retain(|key| !known.contains(&key.fingerprint()));
        }
        let terms = missing
            .iter()
            .flat_map(|key| KeyAliases::of(key).digests())
            .map(|digest| term(&digest))
            .collect();
        (missing.iter().map(|key| key.fingerprint()).collect(), terms)
    }

    /// The terms of these keys are durable.
    pub(crate) fn committed(&self, keys: impl IntoIterator<Item = KeyDigest>) {
        let mut known = self.0.lock();
        for key in keys {
            if known.len() >= REMEMBERED {
                known.clear();
            }
            known.insert(key);
        }
    }
}

/// What an entry is found by whose key goes by this digest.
#[must_use]
pub(crate) fn term(digest: &KeyDigest) -> Term {
    Term::new(Term::SIGNER_KEY, &hex::encode(digest))
}

#[cfg(test)]
mod tests {
    use treering_attest::{KeyAliases, PublicKey};

    use super::{REMEMBERED, SignerKeys, TERMS_OF_KEY, term};

    fn key() -> PublicKey {
        let bytes = ed25519_dalek::SigningKey::from_bytes(&[7; 32]);
        PublicKey::from_ed25519(bytes.verifying_key().as_bytes()).unwrap()
    }

    #[test]
    fn a_key_costs_its_terms_once() {
        let keys = SignerKeys::default();
        let (missing, terms) = keys.missing(&[key()]);
        assert_eq!(missing, [key().fingerprint()]);
        assert_eq!(terms, KeyAliases::of(&key()).digests().map(|d| term(&d)));
        assert_eq!(terms.len(), TERMS_OF_KEY);
        let (again, _) = keys.missing(&[key()]);
        assert_eq!(again, missing, "nothing is committed yet");
        keys.committed(missing);
        assert_eq!(keys.missing(&[key()]), (Vec::new(), Vec::new()));
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let keys = SignerKeys::default();
        keys.committed([key().fingerprint()]);
        let other = |number: usize| {
            let mut digest = [0; 32];
            digest[..8].copy_from_slice(&number.to_be_bytes());
            digest
        };
        keys.committed((0..REMEMBERED).map(other));
        assert!(keys.0.lock().len() < REMEMBERED);
        assert_eq!(keys.missing(&[key()]).1.len(), TERMS_OF_KEY, "forgotten");
    }
}
