//! Keys of OpenSSH and signatures of `ssh-keygen -Y sign -n file` (OpenSSH's PROTOCOL.sshsig; RFC 4253 6.6, 5656 3, 8332, 8709).

use ::base64::Engine as _;
use ::base64::engine::general_purpose::STANDARD;
use treering_attest::{DigestAlgorithm, KeyAlgorithm, PublicKey, verify};

use super::base64;
use super::pem;
use super::refused::{KeyRefused, RefusedEntry};

/// `format` of a rekord.
pub(super) const FORMAT: &str = "ssh";

const LABEL: &str = "SSH SIGNATURE";
const MAGIC: &[u8] = b"SSHSIG";
const VERSION: [u8; 4] = [0, 0, 0, 1];
const NAMESPACE: &[u8] = b"file";

/// A key, and the bytes that it came in.
#[derive(Clone, Debug)]
pub(super) struct Key {
    name: &'static str,
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
        let mut fields = Fields(&blob);
        let (name, key) = match fields.string() {
            Some(b"ssh-ed25519") => ("ssh-ed25519", fields.string().map(PublicKey::from_ed25519)),
            Some(b"ssh-rsa") => {
                let (exponent, modulus) = (fields.number(), fields.number());
                let key = modulus.zip(exponent);
                ("ssh-rsa", key.map(|(n, e)| PublicKey::from_rsa(n, e)))
            }
            Some(b"ecdsa-sha2-nistp256") => ("ecdsa-sha2-nistp256", fields.point(b"nistp256", 65)),
            Some(b"ecdsa-sha2-nistp384") => ("ecdsa-sha2-nistp384", fields.point(b"nistp384", 97)),
            Some(b"ecdsa-sha2-nistp521") => ("ecdsa-sha2-nistp521", fields.point(b"nistp521", 133)),
            _ => return Err(malformed("a key of ed25519, ecdsa or rsa")),
        };
        let key = key.filter(|_| fields.0.is_empty());
        let key = key.ok_or_else(|| malformed("a key of whole fields"))?;
        let key = key.map_err(|error| RefusedEntry::Key {
            place: "",
            source: KeyRefused::Key(error),
        })?;
        Ok(Self { name, blob, key })
    }

    pub(super) fn canonical(&self) -> String {
        format!("{} {}\n", self.name, STANDARD.encode(&self.blob))
    }

    /// Verifies a signature over `content`, and gives its canonical form.
    pub(super) fn verify(&self, content: &[u8], signature: &[u8]) -> Result<String, RefusedEntry> {
        let block = pem::decode(signature).map(|(block, _)| block);
        let block = block.filter(|block| block.label == LABEL);
        let block = block.ok_or_else(|| malformed("pem of a signature"))?;
        let signature = Signature::parse(&block.der)?;
        if signature.key != self.blob {
            return Err(malformed("a signature that holds the key"));
        }
        let mut message = MAGIC.to_vec();
        let digest = signature.digest.of(content);
        for part in [NAMESPACE, b"", signature.digest.name().as_bytes(), &digest] {
            push_string(&mut message, part);
        }
        let (algorithm, bytes) = signature.plain(self.name, self.key.algorithm())?;
        verify(&self.key, algorithm, &message, &bytes)?;
        let mut text = String::new();
        pem::encode(LABEL, &signature.encode(), &mut text);
        Ok(text)
    }
}

/// The second word of a line, if it is a key.
fn blob_in(line: &str) -> Option<Vec<u8>> {
    let word = line.split_ascii_whitespace().nth(1)?;
    let blob = base64::standard(word).ok()?;
    Fields(&blob).string().is_some().then_some(blob)
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

/// A signature in its parts.
struct Signature<'a> {
    key: &'a [u8],
    digest: DigestAlgorithm,
    name: &'a [u8],
    bytes: &'a [u8],
    whole: &'a [u8],
}

impl<'a> Signature<'a> {
    /// What is reserved is not looked at and not kept, as it is not signed.
    fn parse(der: &'a [u8]) -> Result<Self, RefusedEntry> {
        let body = der
            .strip_prefix(MAGIC)
            .and_then(|rest| rest.strip_prefix(&VERSION));
        let mut fields = Fields(body.ok_or_else(|| malformed("a signature of version 1"))?);
        let mut next = || {
            fields
                .string()
                .ok_or_else(|| malformed("a signature of whole fields"))
        };
        let (key, namespace, _, digest, whole) = (next()?, next()?, next()?, next()?, next()?);
        let mut inner = Fields(whole);
        let (name, bytes) = inner
            .string()
            .zip(inner.string())
            .filter(|_| inner.0.is_empty() && fields.0.is_empty())
            .ok_or_else(|| malformed("a signature of whole fields"))?;
        if namespace != NAMESPACE {
            return Err(malformed("a signature of namespace file"));
        }
        let digest = [DigestAlgorithm::Sha256, DigestAlgorithm::Sha512]
            .into_iter()
            .find(|known| known.name().as_bytes() == digest);
        Ok(Self {
            key,
            digest: digest.ok_or_else(|| malformed("a signature over sha256 or sha512"))?,
            name,
            bytes,
            whole,
        })
    }

    /// The digest that the key signs and the signature as elsewhere: of ECDSA of fixed width.
    fn plain(
        &self,
        key_name: &str,
        key: KeyAlgorithm,
    ) -> Result<(DigestAlgorithm, Vec<u8>), RefusedEntry> {
        let other = || malformed("a signature of the key's algorithm");
        let digest = match (key, self.name) {
            (KeyAlgorithm::Rsa { .. }, b"rsa-sha2-256") => DigestAlgorithm::Sha256,
            (KeyAlgorithm::Rsa { .. }, b"rsa-sha2-512") => DigestAlgorithm::Sha512,
            (KeyAlgorithm::Rsa { .. }, _) => return Err(other()),
            (_, name) if name == key_name.as_bytes() => key.digest_algorithm(),
            _ => return Err(other()),
        };
        let width = match key {
            KeyAlgorithm::Rsa { .. } | KeyAlgorithm::Ed25519 => {
                return Ok((digest, self.bytes.to_vec()));
            }
            KeyAlgorithm::EcdsaP256 => 32,
            KeyAlgorithm::EcdsaP384 => 48,
            KeyAlgorithm::EcdsaP521 => 66,
        };
        let mut numbers = Fields(self.bytes);
        let mut plain = Vec::with_capacity(2 * width);
        for _ in 0..2 {
            let number = numbers.number().filter(|number| number.len() <= width);
            let number = number.ok_or_else(other)?;
            plain.resize(plain.len() + width - number.len(), 0);
            plain.extend_from_slice(number);
        }
        Some((digest, plain))
            .filter(|_| numbers.0.is_empty())
            .ok_or_else(other)
    }

    fn encode(&self) -> Vec<u8> {
        let mut der = [MAGIC, &VERSION].concat();
        for part in [
            self.key,
            NAMESPACE,
            b"",
            self.digest.name().as_bytes(),
            self.whole,
        ] {
            push_string(&mut der, part);
        }
        der
    }
}

/// Strings one behind the other (RFC 4251 5).
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn string(&mut self) -> Option<&'a [u8]> {
        let (len, rest) = self.0.split_first_chunk()?;
        let len = usize::try_from(u32::from_be_bytes(*len)).ok()?;
        let (string, rest) = rest.split_at_checked(len)?;
        self.0 = rest;
        Some(string)
    }

    /// A positive number without zeros before it, in its only form.
    fn number(&mut self) -> Option<&'a [u8]> {
        let string = self.string()?;
        match string {
            [0, number @ ..] if number.first() >= Some(&0x80) => Some(number),
            [1..=0x7f, ..] => Some(string),
            _ => None,
        }
    }

    fn point(
        &mut self,
        curve: &[u8],
        len: usize,
    ) -> Option<Result<PublicKey, treering_attest::KeyError>> {
        self.string().filter(|found| *found == curve)?;
        let point = self.string().filter(|point| point.len() == len)?;
        Some(PublicKey::from_ec_point(point))
    }
}

fn push_string(out: &mut Vec<u8>, string: &[u8]) {
    // What is written here was read with such a length, or is shorter.
    let len = u32::try_from(string.len()).unwrap_or(u32::MAX);
    out.extend(len.to_be_bytes());
    out.extend_from_slice(string);
}
