//! What is submitted: DSSE envelopes of in-toto statements, signed before the run. Everything follows from the seed: the
//! same seed gives the same bytes, because the keys are derived from it and ECDSA nonces are deterministic (RFC 6979).
//! The keys are public by construction and good for nothing else.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context, bail, ensure};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use p256::ecdsa::signature::Signer;
use p256::ecdsa::{DerSignature, SigningKey};
use p256::pkcs8::{EncodePublicKey, LineEnding};
use serde::{Deserialize, Serialize};
use treering_tlog::Hash;

mod file;

/// What a corpus is made from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CorpusSpec {
    /// Chooses keys and contents.
    pub(crate) seed: u64,
    /// The length of each statement.
    pub(crate) bytes: u32,
    /// How many keys sign in turn.
    pub(crate) keys: u32,
    /// How many envelopes.
    pub(crate) count: u64,
}

impl CorpusSpec {
    /// # Errors
    /// A number outside its limits, or a corpus that would not fit [`MAX_CORPUS_BYTES`] of memory.
    pub(crate) fn validate(&self) -> anyhow::Result<()> {
        let Self {
            bytes, keys, count, ..
        } = *self;
        ensure!(
            (MIN_BYTES..=MAX_BYTES).contains(&bytes),
            "expected statements of {MIN_BYTES} to {MAX_BYTES} bytes, found {bytes}"
        );
        ensure!(
            (1..=MAX_KEYS).contains(&keys),
            "expected 1 to {MAX_KEYS} keys, found {keys}"
        );
        ensure!(
            (1..=MAX_COUNT).contains(&count),
            "expected 1 to {MAX_COUNT} envelopes, found {count}"
        );
        let memory = count.saturating_mul(u64::from(bytes).div_ceil(3) * 4 + ENVELOPE_OVERHEAD);
        ensure!(
            memory <= MAX_CORPUS_BYTES,
            "expected a corpus of at most {MAX_CORPUS_BYTES} bytes, found about {memory}"
        );
        Ok(())
    }
}

/// A public key of a corpus in the forms the API takes.
#[derive(Clone, Debug)]
pub(crate) struct CorpusKey {
    /// DER of the SubjectPublicKeyInfo.
    pub(crate) spki_der: Bytes,
    /// The same as PEM of 64 columns in standard base64 (Rekor v1).
    pub(crate) pem_base64: String,
    /// The same in standard base64 (batch bodies).
    pub(crate) base64: String,
    /// The same as the query of a single submission carries it.
    pub(crate) query: String,
    /// Hex of its SHA-256: the `keyid` of its signatures.
    pub(crate) keyid: String,
}

/// Signed envelopes in memory, by number.
#[derive(Debug)]
pub(crate) struct Corpus {
    spec: CorpusSpec,
    keys: Vec<CorpusKey>,
    segments: Vec<Segment>,
}

/// [`SEGMENT`] envelopes (fewer in the last one) in one allocation.
#[derive(Debug, Default)]
struct Segment {
    bytes: Bytes,
    ends: Vec<usize>,
}

impl Segment {
    fn get(&self, position: usize) -> Option<Bytes> {
        let end = *self.ends.get(position)?;
        let start = position
            .checked_sub(1)
            .map_or(Some(0), |before| self.ends.get(before).copied())?;
        Some(self.bytes.slice(start..end))
    }
}

impl Corpus {
    /// Makes and signs the envelopes on so many threads, and says every now and then how far it is.
    ///
    /// # Errors
    /// See [`CorpusSpec::validate`].
    pub(crate) fn generate(
        spec: CorpusSpec,
        threads: usize,
        progress: &(dyn Fn(u64) + Sync),
    ) -> anyhow::Result<Self> {
        spec.validate()?;
        let signers: Vec<_> = (0..spec.keys)
            .map(|number| signing_key(spec.seed, number))
            .collect();
        let keys = signers
            .iter()
            .map(corpus_key)
            .collect::<anyhow::Result<Vec<_>>>()?;
        let author = Author {
            spec,
            signers: &signers,
            keys: &keys,
        };
        let next = AtomicU64::new(0);
        let done = Mutex::new(Vec::new());
        std::thread::scope(|scope| {
            for _ in 0..threads.max(1) {
                scope.spawn(|| {
                    while let Some(first) = claim(&next, spec.count) {
                        let segment = author.segment(first);
                        let mut done = done
                            .lock()
                            .unwrap_or_else(std::sync::PoisonError::into_inner);
                        done.push((first, segment));
                        progress((done.len() as u64 * SEGMENT).min(spec.count));
                    }
                });
            }
        });
        let mut done = done
            .into_inner()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        done.sort_unstable_by_key(|(first, _)| *first);
        Ok(Self {
            spec,
            keys,
            segments: done.into_iter().map(|(_, segment)| segment).collect(),
        })
    }

    /// What it was made from.
    pub(crate) const fn spec(&self) -> &CorpusSpec {
        &self.spec
    }

    /// The number of envelopes.
    pub(crate) const fn len(&self) -> u64 {
        self.spec.count
    }

    /// The public keys.
    pub(crate) fn keys(&self) -> &[CorpusKey] {
        &self.keys
    }

    /// The position in [`Corpus::keys`] of the key that signed an envelope.
    pub(crate) fn key_of(&self, number: u64) -> usize {
        usize::try_from(number % u64::from(self.spec.keys)).expect("a remainder by a u32 fits")
    }

    /// An envelope; shares the memory of the corpus.
    pub(crate) fn envelope(&self, number: u64) -> Option<Bytes> {
        let segment = self.segments.get(usize::try_from(number / SEGMENT).ok()?)?;
        segment.get(usize::try_from(number % SEGMENT).ok()?)
    }

    /// The bytes of all envelopes together.
    pub(crate) fn total_bytes(&self) -> u64 {
        self.segments
            .iter()
            .map(|segment| segment.bytes.len() as u64)
            .sum()
    }
}

/// The first number of the next segment that nobody has taken.
fn claim(next: &AtomicU64, count: u64) -> Option<u64> {
    let first = next.fetch_add(SEGMENT, Ordering::Relaxed);
    (first < count).then_some(first)
}

/// Writes and signs.
struct Author<'a> {
    spec: CorpusSpec,
    signers: &'a [SigningKey],
    keys: &'a [CorpusKey],
}

impl Author<'_> {
    fn segment(&self, first: u64) -> Segment {
        let mut bytes = Vec::new();
        let mut ends = Vec::new();
        for number in first..(first + SEGMENT).min(self.spec.count) {
            self.envelope(number, &mut bytes);
            ends.push(bytes.len());
        }
        Segment {
            bytes: bytes.into(),
            ends,
        }
    }

    fn envelope(&self, number: u64, out: &mut Vec<u8>) {
        let position =
            usize::try_from(number % u64::from(self.spec.keys)).expect("a remainder by a u32 fits");
        let (signer, key) = (&self.signers[position], &self.keys[position]);
        let statement = statement(&self.spec, number);
        let signature: DerSignature =
            signer.sign(&treering_attest::pae(PAYLOAD_TYPE, statement.as_bytes()));
        let (payload, sig) = (
            STANDARD.encode(&statement),
            STANDARD.encode(signature.as_bytes()),
        );
        let keyid = &key.keyid;
        out.extend_from_slice(
            format!(r#"{{"payloadType":"{PAYLOAD_TYPE}","payload":"{payload}","signatures":[{{"keyid":"{keyid}","sig":"{sig}"}}]}}"#).as_bytes(),
        );
    }
}

/// A provenance statement about an artifact that does not exist, as long as the spec says.
fn statement(spec: &CorpusSpec, number: u64) -> String {
    let seed = spec.seed;
    let digest = derive("subject", seed, number, 0);
    let mut text = format!(
        concat!(
            r#"{{"_type":"https://in-toto.io/Statement/v1","subject":[{{"name":"pkg:generic/loadtest@{seed}.{number}","#,
            r#""digest":{{"sha256":"{digest}"}}}}],"predicateType":"https://slsa.dev/provenance/v1","predicate":{{"buildDefinition":"#,
            r#"{{"buildType":"https://loadtest.invalid/build/v1","externalParameters":{{"filler":""#,
        ),
        seed = seed,
        number = number,
        digest = digest,
    );
    let tail = r#""}},"runDetails":{"builder":{"id":"https://loadtest.invalid/builder"}}}}"#;
    let full = usize::try_from(spec.bytes)
        .expect("a u32 fits")
        .saturating_sub(tail.len());
    let mut block = 0;
    while text.len() < full {
        let filler = derive("filler", seed, number, block).to_hex();
        text.push_str(filler.get(..full - text.len()).unwrap_or(&filler));
        block += 1;
    }
    text.push_str(tail);
    text
}

fn derive(purpose: &str, seed: u64, number: u64, round: u64) -> Hash {
    Hash::of(format!("treering-loadtest {purpose} {seed} {number} {round}").as_bytes())
}

fn signing_key(seed: u64, number: u32) -> SigningKey {
    // A hash is no valid scalar once in 2^32 times; then the next round's is taken.
    (0..)
        .find_map(|round| {
            SigningKey::from_slice(derive("key", seed, number.into(), round).as_bytes()).ok()
        })
        .expect("nearly every hash is a valid scalar")
}

fn corpus_key(signer: &SigningKey) -> anyhow::Result<CorpusKey> {
    let der = signer
        .verifying_key()
        .to_public_key_der()
        .context("cannot encode a public key")?
        .into_vec();
    let pem = signer
        .verifying_key()
        .to_public_key_pem(LineEnding::LF)
        .context("cannot encode a public key")?;
    Ok(CorpusKey {
        pem_base64: STANDARD.encode(pem),
        base64: STANDARD.encode(&der),
        query: treering_api::json::verifier_to_query(&der),
        keyid: Hash::of(&der).to_hex(),
        spki_der: der.into(),
    })
}

/// The payload type of in-toto statements.
pub(crate) const PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";

/// Envelopes in one allocation, and in one step of a thread (about 0.3 s of signing).
const SEGMENT: u64 = 4096;

/// What an envelope has beside its payload, rounded up: type, key id, signature and the JSON around them come to 260 bytes.
const ENVELOPE_OVERHEAD: u64 = 320;

/// The frame of a statement needs 440 bytes with the longest numbers; the rest is filler.
const MIN_BYTES: u32 = 512;
const MAX_BYTES: u32 = 1 << 20;
const MAX_KEYS: u32 = 65_536;
const MAX_COUNT: u64 = 20_000_000;

/// A corpus lies in memory during the run.
const MAX_CORPUS_BYTES: u64 = 16 << 30;

#[cfg(test)]
mod tests;
