//! Digests by one name an algorithm and in one form, whatever wrote them, and the other names under which the same artifact is known.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;

/// A digest of an artifact, or an identifier that stands in a digest's place.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Digest {
    /// The algorithm by its name in in-toto's `digest_set.md`, `sha256` for one; a name that is not known stays as it was written.
    pub algorithm: String,
    /// Lower-case hexadecimal digits of a hash; an identifier stays as it was written.
    pub value: String,
    /// What it is worth.
    pub strength: Strength,
    /// Whether it was written as its specification says: lower-case digits, as many as the algorithm has.
    pub well_formed: bool,
}

/// What a digest is worth as a name of an artifact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Strength {
    /// A hash that nobody finds collisions of.
    Strong,
    /// SHA-1, MD5 and the like. Stored, marked.
    Weak,
    /// An object of git by SHA-1 or SHA-256.
    Git,
    /// No hash at all, or none that is known: compared as a text.
    Opaque,
}

use Strength::{Git, Strong, Weak};

/// Canonical name, the length in bytes (two for git), the worth.
const ALGORITHMS: [(&str, &[usize], Strength); 24] = [
    ("sha224", &[28], Strong),
    ("sha256", &[32], Strong),
    ("sha384", &[48], Strong),
    ("sha512", &[64], Strong),
    ("sha512_224", &[28], Strong),
    ("sha512_256", &[32], Strong),
    ("sha3_224", &[28], Strong),
    ("sha3_256", &[32], Strong),
    ("sha3_384", &[48], Strong),
    ("sha3_512", &[64], Strong),
    ("blake2b", &[64], Strong),
    ("blake2s", &[32], Strong),
    ("blake2b_256", &[32], Strong),
    ("blake2b_384", &[48], Strong),
    ("blake2b_512", &[64], Strong),
    ("blake3", &[32], Strong),
    ("ripemd160", &[20], Weak),
    ("sha1", &[20], Weak),
    ("md5", &[16], Weak),
    ("gitCommit", &[20, 32], Git),
    ("gitTree", &[20, 32], Git),
    ("gitBlob", &[20, 32], Git),
    ("gitTag", &[20, 32], Git),
    ("dirHash1", &[32], Strong),
];

/// Spellings that differ from the canonical name by more than case and punctuation: SPDX, CycloneDX, Sigstore, older in-toto.
const SPELLINGS: [(&str, &str); 6] = [
    ("sha2224", "sha224"),
    ("sha2256", "sha256"),
    ("sha2384", "sha384"),
    ("sha2512", "sha512"),
    ("dirhash", "dirHash1"),
    ("commit", "gitCommit"),
];

impl Digest {
    /// A digest as a digest set has it.
    pub fn new(algorithm: &str, value: &str) -> Self {
        let Some((name, lengths, strength)) = find(algorithm) else {
            return Self {
                algorithm: algorithm.to_owned(),
                value: value.to_owned(),
                strength: Strength::Opaque,
                well_formed: true,
            };
        };
        // As OCI writes it, in a place that names the algorithm already.
        let prefix = value.split_once(':');
        let bare =
            prefix.filter(|(prefix, _)| find(prefix).is_some_and(|(other, ..)| other == name));
        let digits = bare.map_or(value, |(_, digits)| digits);
        let hexadecimal = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        let right_length = lengths.iter().any(|length| length * 2 == digits.len());
        let lower = !digits.bytes().any(|byte| byte.is_ascii_uppercase());
        Self {
            algorithm: name.to_owned(),
            value: if hexadecimal {
                digits.to_ascii_lowercase()
            } else {
                value.to_owned()
            },
            strength,
            well_formed: bare.is_none() && hexadecimal && right_length && lower,
        }
    }

    /// A digest as one text: `sha256:HEX` (OCI) or `sha512-BASE64` (npm's `integrity`).
    pub fn parse(text: &str) -> Option<Self> {
        if let Some((algorithm, value)) = text.split_once(':') {
            let digest = Self::new(algorithm, value);
            return (digest.strength != Strength::Opaque && digest.is_hash()).then_some(digest);
        }
        let (algorithm, value) = text.split_once('-')?;
        Self::from_base64(algorithm, value)
    }

    /// A digest in base64, as Sigstore's message digests are.
    pub fn from_base64(algorithm: &str, value: &str) -> Option<Self> {
        let (name, lengths, _) = find(algorithm)?;
        let bytes = STANDARD.decode(value).ok()?;
        lengths
            .contains(&bytes.len())
            .then(|| Self::new(name, &hex::encode(bytes)))
    }

    /// `ALGORITHM:VALUE`: what an index holds it under.
    pub fn key(&self) -> String {
        format!("{}:{}", self.algorithm, self.value)
    }

    /// This digest, and what else the same artifact may be called: a commit is `gitCommit` in provenance v1 and `sha1` in v0.2
    /// and of Tekton.
    pub fn aliases(&self) -> Vec<String> {
        let mut keys = vec![self.key()];
        let other = match (self.algorithm.as_str(), self.value.len()) {
            ("gitCommit", 40) => "sha1",
            ("sha1", 40) => "gitCommit",
            ("gitCommit", 64) => "sha256",
            ("blake2b", 128) => "blake2b_512",
            ("blake2b_512", 128) => "blake2b",
            _ => return keys,
        };
        keys.push(format!("{other}:{}", self.value));
        keys
    }

    /// Whether both name the same artifact.
    pub fn matches(&self, other: &Self) -> bool {
        self.aliases().contains(&other.key()) || other.aliases().contains(&self.key())
    }

    /// Digits of the right number.
    fn is_hash(&self) -> bool {
        let lengths = find(&self.algorithm).map_or(&[][..], |(_, lengths, _)| lengths);
        let digits = self.value.bytes().all(|byte| byte.is_ascii_hexdigit());
        digits && lengths.iter().any(|length| length * 2 == self.value.len())
    }
}

fn find(written: &str) -> Option<(&'static str, &'static [usize], Strength)> {
    let same = |name: &str| folded(name).eq(folded(written));
    let spelling = SPELLINGS.iter().find(|(spelling, _)| same(spelling));
    let mut rows = ALGORITHMS.iter();
    let row = match spelling {
        Some((_, name)) => rows.find(|(row, ..)| row == name),
        None => rows.find(|(row, ..)| same(row)),
    };
    row.copied()
}

/// Without what spellings differ in.
fn folded(name: &str) -> impl Iterator<Item = u8> {
    let kept = name
        .bytes()
        .filter(|byte| !matches!(byte, b'-' | b'_' | b'/'));
    kept.map(|byte| byte.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEX: &str = "73dd6a049474a594ff95ef05e87d73d54254051c4b83779a98282324ffdd7260";

    #[test]
    fn spellings_of_an_algorithm_are_one() {
        for spelling in ["sha256", "SHA256", "SHA-256", "sha2-256", "SHA2_256"] {
            assert_eq!(
                Digest::new(spelling, HEX),
                Digest::new("sha256", HEX),
                "{spelling}"
            );
        }
        for (spelling, name) in [
            ("SHA3-256", "sha3_256"),
            ("BLAKE2b-256", "blake2b_256"),
            ("gitcommit", "gitCommit"),
            ("SHA-1", "sha1"),
            ("dirHash", "dirHash1"),
            ("sha512/256", "sha512_256"),
        ] {
            assert_eq!(Digest::new(spelling, "").algorithm, name, "{spelling}");
        }
    }

    #[test]
    fn upper_case_is_folded_and_marked() {
        let digest = Digest::new("sha256", &HEX.to_uppercase());
        assert_eq!((digest.value.as_str(), digest.well_formed), (HEX, false));
        assert!(Digest::new("sha256", HEX).well_formed);
        assert!(!Digest::new("sha256", "ab").well_formed);
        assert_eq!(Digest::new("sha256", &format!("sha256:{HEX}")).value, HEX);
        assert_eq!(Digest::new("sha256", "not hex").value, "not hex");
    }

    #[test]
    fn identifiers_stay_as_they_are() {
        for (algorithm, value) in [
            ("gce_image_id", "8970095005306000053"),
            ("arn", "arn:aws:Lambda"),
            ("svn_revision_id", "12345"),
            ("gitoid:sha256", "gitoid:blob:sha256:473A"),
        ] {
            let digest = Digest::new(algorithm, value);
            assert_eq!(digest.key(), format!("{algorithm}:{value}"));
            assert_eq!(digest.strength, Strength::Opaque);
            assert_eq!(digest.aliases(), [digest.key()]);
        }
    }

    #[test]
    fn texts_of_oci_npm_and_sigstore_are_read() {
        let sri = format!("sha512-{}", STANDARD.encode([7; 64]));
        assert_eq!(
            Digest::parse(&sri).unwrap().key(),
            format!("sha512:{}", "07".repeat(64))
        );
        assert_eq!(Digest::parse(&format!("sha256:{HEX}")).unwrap().value, HEX);
        let message = Digest::from_base64("SHA2_256", &STANDARD.encode([1; 32])).unwrap();
        assert_eq!(message, Digest::new("sha256", &"01".repeat(32)));
        for text in ["sha256:ab", "sha512-AAAA", "md6:00", "", "sha256", ":", "-"] {
            assert_eq!(Digest::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn a_commit_is_found_by_both_its_names() {
        let commit = "2bcaa7495e1cbd11fbd4f598d857b3a6f18df933";
        let (old, new) = (
            Digest::new("sha1", commit),
            Digest::new("gitCommit", commit),
        );
        assert!(old.matches(&new) && new.matches(&old));
        assert_eq!((old.strength, new.strength), (Weak, Git));
        assert!(new.aliases().contains(&old.key()));
        assert!(!old.matches(&Digest::new("gitTree", commit)));
    }
}
