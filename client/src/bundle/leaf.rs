//! What a log entry says about a signature: the kinds of Rekor v2 and the common ones of v1.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use treering_attest::{DigestAlgorithm, PublicKey, VerifierMaterial};
use treering_rekor::v2;

use super::{BundleFailure, failed, refused};

/// A leaf: this signature, over something with this digest, by this key or certificate.
#[derive(Debug)]
pub(super) struct Claim {
    pub(super) algorithm: DigestAlgorithm,
    pub(super) digest: Vec<u8>,
    /// The digest is of an envelope's payload alone, not of all that is signed.
    pub(super) payload_only: bool,
    pub(super) signature: Vec<u8>,
    pub(super) verifier: VerifierMaterial,
}

fn wrong(expected: &str, found: impl std::fmt::Display) -> BundleFailure {
    failed("entry", expected, found.to_string())
}

impl Claim {
    /// Reads the leaf of an entry of this kind and version.
    pub(super) fn parse(kind: &str, version: &str, leaf: &[u8]) -> Result<Self, BundleFailure> {
        if leaf.is_empty() {
            return Err(wrong("the entry's body", "none"));
        }
        match (kind, version) {
            ("hashedrekord", "0.0.2") => Self::rekor_v2(leaf),
            ("hashedrekord", "0.0.1") => spec::<HashedRekord>(leaf, kind, version)?.try_into(),
            ("dsse", "0.0.1") => spec::<Dsse>(leaf, kind, version)?.try_into(),
            ("intoto", "0.0.2") => spec::<Intoto>(leaf, kind, version)?.try_into(),
            _ => {
                let known = "hashedrekord 0.0.2 or 0.0.1, dsse 0.0.1 or intoto 0.0.2";
                Err(wrong(known, format!("{kind} {version}")))
            }
        }
    }

    fn rekor_v2(leaf: &[u8]) -> Result<Self, BundleFailure> {
        let entry = v2::Entry::parse(leaf).map_err(|e| refused("entry", e))?;
        let verifier = match &entry.verifier {
            v2::Verifier::PublicKey(der) => {
                PublicKey::from_spki_der(der).map(VerifierMaterial::from)
            }
            v2::Verifier::Certificate(der) => VerifierMaterial::from_certificate_der(der),
        };
        Ok(Self {
            algorithm: entry.algorithm,
            digest: entry.digest,
            payload_only: false,
            signature: entry.signature,
            verifier: verifier.map_err(|e| refused("entry", e))?,
        })
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Leaf<S> {
    api_version: String,
    kind: String,
    spec: S,
}

/// The spec of a Rekor v1 leaf, which must be of the kind and version that the bundle says it is.
fn spec<S: DeserializeOwned>(leaf: &[u8], kind: &str, version: &str) -> Result<S, BundleFailure> {
    let expected = format!("a {kind} {version} leaf");
    let leaf: Leaf<S> = serde_json::from_slice(leaf).map_err(|e| wrong(&expected, e))?;
    if (leaf.kind.as_str(), leaf.api_version.as_str()) == (kind, version) {
        return Ok(leaf.spec);
    }
    Err(wrong(
        &expected,
        format!("{} {}", leaf.kind, leaf.api_version),
    ))
}

fn decode(what: &str, text: &str) -> Result<Vec<u8>, BundleFailure> {
    STANDARD
        .decode(text)
        .map_err(|e| wrong(&format!("{what} in base64"), e))
}

fn verifier(base64_pem: &str) -> Result<VerifierMaterial, BundleFailure> {
    let pem = decode("a key or certificate", base64_pem)?;
    VerifierMaterial::from_pem_or_der(&pem).map_err(|e| refused("entry", e))
}

#[derive(Deserialize)]
struct HashJson {
    algorithm: String,
    value: String,
}

impl HashJson {
    fn read(&self) -> Result<(DigestAlgorithm, Vec<u8>), BundleFailure> {
        let all = [
            DigestAlgorithm::Sha256,
            DigestAlgorithm::Sha384,
            DigestAlgorithm::Sha512,
        ];
        let algorithm = all
            .into_iter()
            .find(|algorithm| algorithm.name() == self.algorithm);
        let algorithm =
            algorithm.ok_or_else(|| wrong("sha256, sha384 or sha512", &self.algorithm))?;
        let digest =
            hex::decode(&self.value).map_err(|e| wrong("a digest in hexadecimal digits", e))?;
        Ok((algorithm, digest))
    }
}

/// `hashedrekord 0.0.1`
#[derive(Deserialize)]
struct HashedRekord {
    data: HashedData,
    signature: HashedSignature,
}

#[derive(Deserialize)]
struct HashedData {
    hash: HashJson,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct HashedSignature {
    content: String,
    public_key: KeyContent,
}

#[derive(Deserialize)]
struct KeyContent {
    content: String,
}

impl TryFrom<HashedRekord> for Claim {
    type Error = BundleFailure;

    fn try_from(spec: HashedRekord) -> Result<Self, BundleFailure> {
        let (algorithm, digest) = spec.data.hash.read()?;
        Ok(Self {
            algorithm,
            digest,
            payload_only: false,
            signature: decode("a signature", &spec.signature.content)?,
            verifier: verifier(&spec.signature.public_key.content)?,
        })
    }
}

/// `dsse 0.0.1`
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Dsse {
    payload_hash: HashJson,
    signatures: Vec<DsseSignature>,
}

#[derive(Deserialize)]
struct DsseSignature {
    signature: String,
    verifier: String,
}

impl TryFrom<Dsse> for Claim {
    type Error = BundleFailure;

    fn try_from(spec: Dsse) -> Result<Self, BundleFailure> {
        let (algorithm, digest) = spec.payload_hash.read()?;
        let [signature] = spec.signatures.as_slice() else {
            return Err(wrong("one signature in the leaf", spec.signatures.len()));
        };
        Ok(Self {
            algorithm,
            digest,
            payload_only: true,
            signature: decode("a signature", &signature.signature)?,
            verifier: verifier(&signature.verifier)?,
        })
    }
}

/// `intoto 0.0.2`, whose signatures are in base64 twice.
#[derive(Deserialize)]
struct Intoto {
    content: IntotoContent,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct IntotoContent {
    envelope: IntotoEnvelope,
    payload_hash: HashJson,
}

#[derive(Deserialize)]
struct IntotoEnvelope {
    signatures: Vec<IntotoSignature>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct IntotoSignature {
    sig: String,
    public_key: String,
}

impl TryFrom<Intoto> for Claim {
    type Error = BundleFailure;

    fn try_from(spec: Intoto) -> Result<Self, BundleFailure> {
        let (algorithm, digest) = spec.content.payload_hash.read()?;
        let [signature] = spec.content.envelope.signatures.as_slice() else {
            return Err(wrong(
                "one signature in the leaf",
                spec.content.envelope.signatures.len(),
            ));
        };
        let once = decode("a signature", &signature.sig)?;
        let twice =
            std::str::from_utf8(&once).map_err(|e| wrong("a signature in base64 twice", e))?;
        Ok(Self {
            algorithm,
            digest,
            payload_only: true,
            signature: decode("a signature", twice)?,
            verifier: verifier(&signature.public_key)?,
        })
    }
}
