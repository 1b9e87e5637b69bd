//! The key that signs a log's checkpoints. It signs what is committed and nothing else.

use ed25519_dalek::SigningKey;
use treering_storage::Edge;
use treering_tlog::checkpoint::{self, Checkpoint, Origin};
use treering_tlog::note::{KeyName, NoteSigner, VerifierKey};

use super::mark::Mark;
use super::recover::OpenError;

/// A checkpoint key with the origin it signs for.
pub struct Signer {
    origin: Origin,
    note: NoteSigner,
}

impl Signer {
    /// The key's name is the origin (c2sp.org/tlog-checkpoint: "SHOULD").
    ///
    /// # Errors
    /// If the origin is no valid key name.
    pub fn new(origin: &str, key: SigningKey) -> Result<Self, OpenError> {
        let bad = |reason: String| OpenError::BadOrigin {
            origin: origin.to_owned(),
            reason,
        };
        let name = KeyName::new(origin).map_err(|error| bad(error.to_string()))?;
        let parsed = Origin::new(origin).map_err(|error| bad(error.to_string()))?;
        let note = NoteSigner::new(name, key).map_err(|error| bad(error.to_string()))?;
        Ok(Self {
            origin: parsed,
            note,
        })
    }

    /// The public key.
    #[must_use]
    pub fn verifier(&self) -> &VerifierKey {
        self.note.verifier()
    }

    /// Signs the tree that ends at a committed edge. Ed25519 is deterministic and the text holds no time, so signing
    /// the same tree again yields the same bytes.
    #[must_use]
    pub fn sign(&self, edge: &Edge) -> (Checkpoint, String) {
        self.sign_with(edge, Vec::new())
    }

    /// As [`sign`](Self::sign), for the tree that a log was frozen at with a mark: the same size and root in another
    /// text.
    #[must_use]
    pub fn sign_final(&self, edge: &Edge, mark: &Mark) -> (Checkpoint, String) {
        self.sign_with(edge, vec![mark.as_str().to_owned()])
    }

    fn sign_with(&self, edge: &Edge, extensions: Vec<String>) -> (Checkpoint, String) {
        let checkpoint = Checkpoint {
            origin: self.origin.clone(),
            size: edge.size(),
            root: edge.root(),
            extensions,
        };
        let note = checkpoint::sign(&checkpoint, &self.note)
            .expect("an origin and a mark that were checked make a valid note");
        (checkpoint, note)
    }
}
