//! Keys of OpenSSH and signatures of `ssh-keygen -Y sign -n file` (OpenSSH's PROTOCOL.sshsig; RFC 8332). `ssh-key` reads and writes
//! both; which lines are keys, and what is taken of either, is said here.

use ::base64::Engine as _;
use ::base64::engine::general_purpose::STANDARD;
use ssh_encoding::{Decode, Encode as _};
use ssh_key::public::KeyData;
use ssh_key::{Algorithm, EcdsaCurve, HashAlg, Mpint, Signature, SshSig};
use treering_attest::{DigestAlgorithm, KeyAlgorithm, PublicKey, verify};

use super::base64;
use super::pem;
use super::refused::{KeyRefused, RefusedEntry};

/// `format` of a rekord.
pub(super) const FORMAT: &str = "ssh";

const LABEL: &str = "SSH SIGNATURE";
const NAMESPACE: &str = "file";

/// A key as it was read, and as it verifies.
#[derive(Clone, Debug)]
pub(super) struct Key {
    data: KeyData,
    blob: Vec<u8>,
    key: PublicKey,
}

fn malformed(expected: &'static str) -> RefusedEntry {
    RefusedEntry::Detached {
        format: FORMAT,
        expected,
    }
}

impl Key {
    /// The first line of an `authorized_keys` file that is a key: options and comments are dropped.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, RefusedEntry> {
        let text = std::str::from_utf8(bytes).map_err(|_| malformed("text"))?;
        let lines = text.lines().map(str::trim);
        let mut keys = lines
            .filter(|line| !line.is_empty() && !line.starts_with('#'))
            .filter_map(|line| blob_in(line).or_else(|| blob_in(without_options(line)?)));
        let blob = keys.next().ok_or_else(|| malformed("a line with a key"))?;
        Self::of_blob(blob)
    }

    fn of_blob(blob: Vec<u8>) -> Result<Self, RefusedEntry> {
        let data: KeyData = whole(&blob).ok_or_else(|| malformed("a key of whole fields"))?;
        let positive = Mpint::as_positive_bytes;
        let key = match &data {
            KeyData::Ed25519(key) => Some(PublicKey::from_ed25519(&key.0)),
            KeyData::Ecdsa(key) => Some(PublicKey::from_ec_point(key.as_sec1_bytes())),
            KeyData::Rsa(key) => {
                let parts = positive(&key.n).zip(positive(&key.e));
                parts.map(|(n, e)| PublicKey::from_rsa(n, e))
            }
            _ => None,
        };
        let key = key.ok_or_else(|| malformed("a key of ed25519, ecdsa or rsa"))?;
        let key = key.map_err(|error| RefusedEntry::Key {
            place: "",
            source: KeyRefused::Key(error),
        })?;
        Ok(Self { data, blob, key })
    }

    pub(super) fn canonical(&self) -> String {
        let name = self.data.algorithm();
        format!("{} {}\n", name.as_str(), STANDARD.encode(&self.blob))
    }

    /// Verifies a signature over `content`, and gives its canonical form, in which nothing is that is reserved.
    pub(super) fn verify(&self, content: &[u8], signature: &[u8]) -> Result<String, RefusedEntry> {
        let fields = || malformed("a signature of whole fields");
        let block = pem::decode(signature).map(|(block, _)| block);
        let block = block.filter(|block| block.label == LABEL);
        let block = block.ok_or_else(|| malformed("pem of a signature"))?;
        let found: SshSig = whole(&block.der).ok_or_else(fields)?;
        if found.namespace() != NAMESPACE {
            return Err(malformed("a signature of namespace file"));
        }
        if *found.public_key() != self.data {
            return Err(malformed("a signature that holds the key"));
        }
        let hash = found.hash_alg();
        let message = SshSig::signed_data(NAMESPACE, hash, content).map_err(|_| fields())?;
        let (algorithm, bytes) = self.plain(found.signature())?;
        verify(&self.key, algorithm, &message, &bytes)?;
        let (key, signature) = (found.public_key().clone(), found.signature().clone());
        let written = SshSig::new(key, NAMESPACE, hash, signature).map_err(|_| fields())?;
        let mut der = Vec::new();
        written.encode(&mut der).map_err(|_| fields())?;
        let mut text = String::new();
        pem::encode(LABEL, &der, &mut text);
        Ok(text)
    }

    /// The digest that the key signs and the signature as elsewhere: of ECDSA of fixed width.
    fn plain(&self, signature: &Signature) -> Result<(DigestAlgorithm, Vec<u8>), RefusedEntry> {
        let other = || malformed("a signature of the key's algorithm");
        let bytes = signature.as_bytes();
        let algorithm = signature.algorithm();
        let width = match (self.key.algorithm(), &algorithm) {
            (KeyAlgorithm::Rsa { .. }, Algorithm::Rsa { hash: Some(hash) }) => {
                let digest = match hash {
                    HashAlg::Sha256 => DigestAlgorithm::Sha256,
                    HashAlg::Sha512 => DigestAlgorithm::Sha512,
                    _ => return Err(other()),
                };
                return Ok((digest, bytes.to_vec()));
            }
            _ if algorithm != self.data.algorithm() => return Err(other()),
            (key, Algorithm::Ed25519) => return Ok((key.digest_algorithm(), bytes.to_vec())),
            (_, Algorithm::Ecdsa { curve }) => match curve {
                EcdsaCurve::NistP256 => 32,
                EcdsaCurve::NistP384 => 48,
                EcdsaCurve::NistP521 => 66,
            },
            _ => return Err(other()),
        };
        let plain = fixed_width(bytes, width).ok_or_else(other)?;
        Ok((self.key.algorithm().digest_algorithm(), plain))
    }
}

/// A value, and nothing behind it.
fn whole<T: Decode>(mut bytes: &[u8]) -> Option<T> {
    let value = T::decode(&mut bytes).ok()?;
    bytes.is_empty().then_some(value)
}

/// Two numbers one behind the other, each as long as the curve's.
fn fixed_width(mut bytes: &[u8], width: usize) -> Option<Vec<u8>> {
    let mut plain = Vec::with_capacity(2 * width);
    for _ in 0..2 {
        let number = Mpint::decode(&mut bytes).ok()?;
        let number = number.as_positive_bytes()?;
        plain.resize(plain.len() + width.checked_sub(number.len())?, 0);
        plain.extend_from_slice(number);
    }
    bytes.is_empty().then_some(plain)
}

/// The second word of a line, if it is a key.
fn blob_in(line: &str) -> Option<Vec<u8>> {
    let word = line.split_ascii_whitespace().nth(1)?;
    let blob = base64::standard(word).ok()?;
    Algorithm::decode(&mut blob.as_slice())
        .is_ok()
        .then_some(blob)
}

/// What stands behind the first blank outside of quotes.
fn without_options(line: &str) -> Option<&str> {
    let (mut quoted, mut escaped) = (false, false);
    let end = line.find(|c| {
        quoted ^= c == '"' && !escaped;
        escaped = c == '\\';
        !quoted && matches!(c, ' ' | '\t')
    })?;
    line.get(end..).map(str::trim_start)
}
