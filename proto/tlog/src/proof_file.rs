//! Proof files: c2sp.org/tlog-proof, all that is needed to check offline that a leaf is in a log.
#![cfg_attr(not(test), deny(clippy::indexing_slicing))]

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::checkpoint::{self, CheckpointError, Opened};
use crate::hash::{Hash, HashError};
use crate::merkle::{InclusionProof, ProofError};
use crate::note::{MAX_NOTE_LEN, NoteError, SignedNote, VerifierKey};
use crate::reader::Lines;
use crate::size::{DecimalError, LeafIndex};

/// The first line.
const HEADER: &str = "c2sp.org/tlog-proof@v1";
/// The most hashes of a proof: a tree has at most 2^63 - 1 leaves.
pub const MAX_HASHES: usize = 63;
/// The longest `extra` in bytes: its line of base64 stays below the 64 KiB that other readers take.
pub const MAX_EXTRA_LEN: usize = 48 * 1024;

/// Why bytes are not a proof file, or do not prove it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProofFileError {
    /// Not UTF-8, or cut off, or without the first line that says which format it is.
    #[error("not a proof file: expected {HEADER}, index, hashes, an empty line, a checkpoint")]
    Shape,
    /// The extra data is not canonical base64 of at most [`MAX_EXTRA_LEN`] bytes.
    #[error("extra data that is not canonical base64 of at most {MAX_EXTRA_LEN} bytes")]
    Extra,
    /// The index is not one.
    #[error("the index is {0}")]
    Index(#[source] DecimalError),
    /// A line of the proof is not a hash.
    #[error("a line of the proof is {0}")]
    Hash(#[source] HashError),
    /// More hashes than [`MAX_HASHES`].
    #[error("a proof of more than {MAX_HASHES} hashes")]
    TooManyHashes,
    /// What follows the empty line is not a signed note.
    #[error("the checkpoint is not a signed note: {0}")]
    Note(#[source] NoteError),
    /// The checkpoint is not of the log.
    #[error("the checkpoint is refused: {0}")]
    Checkpoint(#[source] CheckpointError),
    /// The proof does not lead to the checkpoint's root.
    #[error("the leaf is not proven: {0}")]
    Proof(#[source] ProofError),
}

/// An inclusion proof with the checkpoint that it leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlogProof {
    /// Data for the application, which nobody signed.
    pub extra: Option<Vec<u8>>,
    /// The position of the leaf.
    pub index: LeafIndex,
    /// The siblings on the way from the leaf to the root.
    pub hashes: Vec<Hash>,
    /// The signed checkpoint, verbatim.
    pub checkpoint: String,
}

impl TlogProof {
    /// Reads a proof file.
    ///
    /// # Errors
    /// If it is not exactly what [`Self::encode`] writes for some proof.
    pub fn parse(bytes: &[u8]) -> Result<Self, ProofFileError> {
        let longest = 2 * MAX_NOTE_LEN + HEADER.len() + (MAX_HASHES + 1) * 64;
        let text = bytes
            .get(..bytes.len().min(longest + 1))
            .unwrap_or_default();
        let text = std::str::from_utf8(text).map_err(|_| ProofFileError::Shape)?;
        if text.len() > longest {
            return Err(ProofFileError::Shape);
        }
        let mut lines = Lines::new(text);
        let mut line = || lines.line().ok_or(ProofFileError::Shape);
        if line()? != HEADER {
            return Err(ProofFileError::Shape);
        }
        let mut next = line()?;
        let extra = next.strip_prefix("extra ").map(parse_extra).transpose()?;
        if extra.is_some() {
            next = line()?;
        }
        let index = next.strip_prefix("index ").ok_or(ProofFileError::Shape)?;
        let index = index.parse().map_err(ProofFileError::Index)?;
        let hashes = parse_hashes(line)?;
        let checkpoint = lines.rest();
        SignedNote::parse(checkpoint.as_bytes()).map_err(ProofFileError::Note)?;
        Ok(Self {
            extra,
            index,
            hashes,
            checkpoint: checkpoint.to_owned(),
        })
    }

    /// The bytes of the file.
    #[must_use]
    pub fn encode(&self) -> String {
        let mut text = format!("{HEADER}\n");
        if let Some(extra) = &self.extra {
            text.push_str(&format!("extra {}\n", STANDARD.encode(extra)));
        }
        text.push_str(&format!("index {}\n", self.index));
        for hash in &self.hashes {
            text.push_str(&hash.to_base64());
            text.push('\n');
        }
        text.push('\n');
        text.push_str(&self.checkpoint);
        text
    }

    /// Checks that the log of this key has the leaf, and returns the checkpoint that says so. Its origin,
    /// its cosignatures and its age are for the caller to judge.
    ///
    /// # Errors
    /// If the checkpoint is not signed by the key, or the proof does not lead to its root.
    pub fn verify(&self, leaf: &Hash, key: &VerifierKey) -> Result<Opened, ProofFileError> {
        let opened = checkpoint::open(self.checkpoint.as_bytes(), key)
            .map_err(ProofFileError::Checkpoint)?;
        let (size, root) = (opened.checkpoint().size, opened.checkpoint().root);
        let proof = InclusionProof {
            index: self.index,
            size,
            hashes: self.hashes.clone(),
        };
        proof.verify(leaf, &root).map_err(ProofFileError::Proof)?;
        Ok(opened)
    }
}

fn parse_extra(base64: &str) -> Result<Vec<u8>, ProofFileError> {
    let extra = STANDARD.decode(base64).map_err(|_| ProofFileError::Extra)?;
    if extra.len() > MAX_EXTRA_LEN {
        Err(ProofFileError::Extra)
    } else {
        Ok(extra)
    }
}

/// The hashes up to the empty line, which is taken too.
fn parse_hashes<'a>(
    mut line: impl FnMut() -> Result<&'a str, ProofFileError>,
) -> Result<Vec<Hash>, ProofFileError> {
    let mut hashes = Vec::new();
    loop {
        match line()? {
            "" => return Ok(hashes),
            _ if hashes.len() == MAX_HASHES => return Err(ProofFileError::TooManyHashes),
            base64 => hashes.push(Hash::from_base64(base64).map_err(ProofFileError::Hash)?),
        }
    }
}

#[cfg(test)]
mod tests {
    use ed25519_dalek::SigningKey;

    use super::*;
    use crate::checkpoint::{Checkpoint, Origin};
    use crate::merkle::{CompactRange, Growth};
    use crate::note::{KeyName, NoteSigner};

    fn proof(leaves: u8, index: u64) -> (TlogProof, VerifierKey) {
        let growth = Growth::new(&CompactRange::new(), (0..leaves).map(|i| Hash::leaf(&[i])));
        let name = KeyName::new("log.test").unwrap();
        let signer = NoteSigner::new(name, SigningKey::from_bytes(&[1; 32])).unwrap();
        let origin = Origin::new("log.test").unwrap();
        let checkpoint = Checkpoint::new(origin, growth.new_size(), growth.root());
        let checkpoint = checkpoint::sign(&checkpoint, &signer).unwrap();
        let index = LeafIndex::new(index).unwrap();
        let hashes = growth.prove(index).unwrap().hashes;
        (
            TlogProof {
                extra: None,
                index,
                hashes,
                checkpoint,
            },
            signer.verifier().clone(),
        )
    }

    #[test]
    fn a_file_proves_its_leaf_and_no_other() {
        for (leaves, index) in [(1, 0), (7, 6), (200, 130)] {
            let (mut file, key) = proof(leaves, index);
            file.extra = Some(b"extra".to_vec());
            let read = TlogProof::parse(file.encode().as_bytes()).unwrap();
            assert_eq!(read, file);
            let leaf = Hash::leaf(&[u8::try_from(index).unwrap()]);
            assert_eq!(read.verify(&leaf, &key).unwrap().text(), file.checkpoint);
            let other = read.verify(&Hash::leaf(b"other"), &key);
            assert!(matches!(
                other,
                Err(ProofFileError::Proof(ProofError::Mismatch { .. }))
            ));
            file.index = LeafIndex::new(leaves.into()).unwrap();
            let outside = file.verify(&leaf, &key);
            assert!(matches!(
                outside,
                Err(ProofFileError::Proof(ProofError::OutOfRange { .. }))
            ));
        }
    }

    #[test]
    fn the_proof_must_be_signed_by_the_log() {
        let (file, _) = proof(7, 3);
        let name = KeyName::new("log.test").unwrap();
        let other = NoteSigner::new(name, SigningKey::from_bytes(&[2; 32])).unwrap();
        let refused = file.verify(&Hash::leaf(&[3]), other.verifier());
        assert!(matches!(
            refused,
            Err(ProofFileError::Checkpoint(CheckpointError::Signature(_)))
        ));
    }

    #[test]
    fn malformed_files_are_refused() {
        let (file, _) = proof(7, 3);
        let good = file.encode();
        let hash = format!("{}\n", file.hashes[0].to_base64());
        let swap = |from: &str, to: &str| good.replacen(from, to, 1);
        for (text, error) in [
            (String::new(), ProofFileError::Shape),
            (swap("@v1", "@v2"), ProofFileError::Shape),
            (swap("@v1\n", "@v1\r\n"), ProofFileError::Shape),
            (swap("index 3\n", ""), ProofFileError::Shape),
            (
                swap("index 3", "extra AA==\nextra AA==\nindex 3"),
                ProofFileError::Shape,
            ),
            (swap("index 3", "extra AA\nindex 3"), ProofFileError::Extra),
            (
                swap("index 3", "index 03"),
                ProofFileError::Index(DecimalError::Malformed),
            ),
            (
                swap("index 3", "index +3"),
                ProofFileError::Index(DecimalError::Malformed),
            ),
            (
                swap(&hash, "AA==\n"),
                ProofFileError::Hash(HashError::Length {
                    expected: 32,
                    found: 1,
                }),
            ),
            (
                swap(&hash, &format!(" {hash}")),
                ProofFileError::Hash(HashError::Base64),
            ),
            (swap(&hash, &hash.repeat(62)), ProofFileError::TooManyHashes),
            (
                good.trim_end().to_owned(),
                ProofFileError::Note(NoteError::Shape),
            ),
            (format!("{good}\n"), ProofFileError::Note(NoteError::Shape)),
            ("x".repeat(200_000), ProofFileError::Shape),
        ] {
            let found = TlogProof::parse(text.as_bytes());
            assert_eq!(found.map(|_| ()), Err(error), "{text:?}");
        }
        let extra = "A".repeat(4 * (MAX_EXTRA_LEN / 3 + 1));
        let refused =
            TlogProof::parse(swap("index 3", &format!("extra {extra}\nindex 3")).as_bytes());
        assert_eq!(refused, Err(ProofFileError::Extra));
    }
}
