//! Every bound that the parsers of this crate hold, in one table. A document beyond one of them is refused, never cut.
//!
//! | what | bound | why this much |
//! |---|---|---|
//! | payload type | 1 KiB | media types are under 128 bytes; it is hashed with every signature |
//! | signatures in an envelope | 1 to 64 | Rekor took 10; GUAC's largest real envelope has 3; each one costs a verification |
//! | key id | 4 KiB | an unauthenticated hint; the longest seen is a KMS URI of 200 bytes |
//! | signature | 16 KiB | ML-DSA-87 has 4.6 KB, SLH-DSA's small ones 8 KB |
//! | carried certificate, intermediate | 64 KiB | a leaf that names one must fit 65,535 bytes anyway |
//! | intermediates, chain certificates | 10 | Rekor v1's limit for chains |
//! | key or certificate, PEM or DER | 64 KiB (a PEM chain: 10 times that) | as above |
//! | transparency log entries in a bundle | 32 | sigstore-go's limit |
//! | RFC 3161 timestamps in a bundle | 32 | sigstore-go's limit |
//! | RFC 3161 time-stamp response | 10 KiB | Rekor v1's limit |
//! | hashes in an inclusion proof | 64 | a tree of 2^63 leaves has 63 |
//! | subjects of a statement | 100,000 | GitHub's limit is 1,024; bounds memory, not meaning |
//! | digests of a subject | 64 | one an algorithm |
//! | bytes of a container | 256 MiB | the largest that a store of attestations is asked to hold; each reader sets a lower bound of its own |
//! | items of a container | 10,000 | a line or an attestation each; an answer of npm has 2, of GitHub 30 a page |
//! | JSON values of a predicate | 250,000 | 32 bytes each and more; Tekton's largest, of 16 tasks, has 3,000. Bills of materials are streamed and not counted |
//! | candidates of an ambiguous fact | 8 | enough to show that it is; keeps extraction linear in time and memory |
//!
//! The length of an envelope or bundle as a whole is the caller's bound (the server's `max_envelope_bytes`): every parser
//! here needs memory linear in its input, and holds the payload once, as the base64 text that arrived.

/// Bytes of a payload type.
pub const MAX_PAYLOAD_TYPE: usize = 1024;
/// Signatures in one envelope.
pub const MAX_SIGNATURES: usize = 64;
/// Bytes of a key id.
pub const MAX_KEYID: usize = 4096;
/// Bytes of a signature.
pub const MAX_SIGNATURE: usize = 16 * 1024;
/// Bytes of one key or certificate.
pub const MAX_KEY: usize = 64 * 1024;
/// Certificates in a chain, the leaf included, or intermediates beside a certificate.
pub const MAX_CHAIN: usize = 10;
/// Transparency log entries in a bundle.
pub const MAX_TLOG_ENTRIES: usize = 32;
/// RFC 3161 timestamps in a bundle.
pub const MAX_TIMESTAMPS: usize = 32;
/// Bytes of an RFC 3161 time-stamp response.
pub const MAX_TIMESTAMP: usize = 10 * 1024;
/// Hashes in the inclusion proof of a bundle.
pub const MAX_PROOF_HASHES: usize = 64;
/// Subjects of a statement.
pub const MAX_SUBJECTS: usize = 100_000;
/// Digests of one subject.
pub const MAX_DIGESTS: usize = 64;
/// Bytes of a container, whatever it holds.
pub const MAX_CONTAINER: usize = 256 * 1024 * 1024;
/// Items of one container: lines, or attestations of an answer.
pub const MAX_ITEMS: usize = 10_000;
/// JSON values of a document that is read as a whole, such as a predicate.
pub const MAX_VALUES: usize = 250_000;
/// Candidates that an ambiguous fact keeps.
pub const MAX_CANDIDATES: usize = 8;
