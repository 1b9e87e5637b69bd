//! The digests that signatures are made over.

use std::fmt;

use aws_lc_rs::digest;

/// A SHA-2 digest algorithm. Weaker ones are nowhere accepted for signatures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum DigestAlgorithm {
    /// SHA-256, 32 bytes.
    Sha256,
    /// SHA-384, 48 bytes.
    Sha384,
    /// SHA-512, 64 bytes.
    Sha512,
}

impl DigestAlgorithm {
    /// All of them, weakest first.
    pub const ALL: [Self; 3] = [Self::Sha256, Self::Sha384, Self::Sha512];

    /// The name that in-toto digest sets and Rekor v1 use: `sha256`, `sha384`, `sha512`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sha256 => "sha256",
            Self::Sha384 => "sha384",
            Self::Sha512 => "sha512",
        }
    }

    /// The name of `HashAlgorithm` in sigstore_common.proto: `SHA2_256`, `SHA2_384`, `SHA2_512`.
    pub const fn sigstore_name(self) -> &'static str {
        match self {
            Self::Sha256 => "SHA2_256",
            Self::Sha384 => "SHA2_384",
            Self::Sha512 => "SHA2_512",
        }
    }

    /// The algorithm of a sigstore_common.proto name.
    pub fn from_sigstore_name(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|algorithm| algorithm.sigstore_name() == name)
    }

    /// Length of a digest in bytes.
    #[expect(
        clippy::len_without_is_empty,
        reason = "the length of a digest, which is never empty"
    )]
    pub const fn len(self) -> usize {
        match self {
            Self::Sha256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
        }
    }

    /// The digest of `data`.
    pub fn of(self, data: &[u8]) -> Vec<u8> {
        digest::digest(self.aws(), data).as_ref().to_vec()
    }

    pub(crate) fn aws(self) -> &'static digest::Algorithm {
        match self {
            Self::Sha256 => &digest::SHA256,
            Self::Sha384 => &digest::SHA384,
            Self::Sha512 => &digest::SHA512,
        }
    }
}

impl fmt::Display for DigestAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A digest that is computed piece by piece.
pub struct Digester(digest::Context);

impl Digester {
    /// Of nothing so far.
    pub fn new(algorithm: DigestAlgorithm) -> Self {
        Self(digest::Context::new(algorithm.aws()))
    }

    /// Adds a piece.
    pub fn update(&mut self, data: &[u8]) {
        self.0.update(data);
    }

    /// The digest of all pieces.
    pub fn finish(self) -> Vec<u8> {
        self.0.finish().as_ref().to_vec()
    }
}
