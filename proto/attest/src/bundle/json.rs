//! From the members of a bundle to its parts, within their limits.

use serde_json::value::RawValue;

use super::wire::{
    BundleJson, ChainJson, KeyHintJson, MessageJson, ProofJson, RawBytes, TlogEntryJson,
};
use super::{
    BundleContent, BundleError, BundleVersion, MessageSignature, SigstoreBundle, TlogEntry,
    TlogProof, VerificationMaterial,
};
use crate::base64::{self, Base64Error};
use crate::digest::DigestAlgorithm;
use crate::limits::{
    MAX_CHAIN, MAX_KEY, MAX_PROOF_HASHES, MAX_SIGNATURE, MAX_TIMESTAMPS, MAX_TLOG_ENTRIES,
};

type Result<T> = std::result::Result<T, BundleError>;

pub(super) fn parse(bytes: &[u8]) -> Result<SigstoreBundle<'_>> {
    let json: BundleJson<'_> =
        crate::json::parse(bytes).map_err(|found| BundleError::Json { found })?;
    let material = json.verification_material.ok_or(BundleError::Missing {
        member: "verificationMaterial",
    })?;
    let timestamps = material
        .timestamp_verification_data
        .map_or_else(Vec::new, |data| data.rfc3161_timestamps);
    limit("rfc 3161 timestamps", timestamps.len(), MAX_TIMESTAMPS)?;
    limit(
        "tlog entries",
        material.tlog_entries.len(),
        MAX_TLOG_ENTRIES,
    )?;
    Ok(SigstoreBundle {
        version: version(&json.media_type)?,
        timestamps: timestamps
            .iter()
            .map(|t| bytes_of("signedTimestamp", &t.signed_timestamp, MAX_KEY))
            .collect::<Result<_>>()?,
        tlog_entries: material
            .tlog_entries
            .into_iter()
            .map(tlog_entry)
            .collect::<Result<_>>()?,
        material: verification_material(
            material.certificate,
            material.x509_certificate_chain,
            material.public_key,
        )?,
        content: content(json.dsse_envelope, json.message_signature)?,
    })
}

fn version(media_type: &str) -> Result<BundleVersion> {
    match media_type {
        "application/vnd.dev.sigstore.bundle+json;version=0.1" => Ok(BundleVersion::V0_1),
        "application/vnd.dev.sigstore.bundle+json;version=0.2" => Ok(BundleVersion::V0_2),
        "application/vnd.dev.sigstore.bundle+json;version=0.3"
        | "application/vnd.dev.sigstore.bundle.v0.3+json" => Ok(BundleVersion::V0_3),
        other => Err(BundleError::MediaType {
            found: other.chars().take(128).collect(),
        }),
    }
}

fn verification_material(
    certificate: Option<RawBytes<'_>>,
    chain: Option<ChainJson<'_>>,
    key: Option<KeyHintJson>,
) -> Result<VerificationMaterial> {
    let members = "certificate, x509CertificateChain and publicKey";
    match (certificate, chain, key) {
        (Some(certificate), None, None) => {
            Ok(VerificationMaterial::Certificates(vec![der(&certificate)?]))
        }
        (None, Some(chain), None) => {
            limit(
                "certificates in a chain",
                chain.certificates.len(),
                MAX_CHAIN,
            )?;
            if chain.certificates.is_empty() {
                return Err(BundleError::Missing {
                    member: "a certificate in x509CertificateChain",
                });
            }
            chain
                .certificates
                .iter()
                .map(der)
                .collect::<Result<_>>()
                .map(VerificationMaterial::Certificates)
        }
        (None, None, Some(key)) => Ok(VerificationMaterial::PublicKeyHint(key.hint)),
        (a, b, c) => {
            let found = [a.is_some(), b.is_some(), c.is_some()]
                .into_iter()
                .filter(|there| *there)
                .count();
            Err(BundleError::OneOf { members, found })
        }
    }
}

fn content<'a>(
    dsse: Option<&'a RawValue>,
    message: Option<MessageJson<'_>>,
) -> Result<BundleContent<'a>> {
    match (dsse.filter(|raw| raw.get() != "null"), message) {
        (Some(raw), None) => Ok(BundleContent::Dsse(raw)),
        (None, Some(message)) => Ok(BundleContent::Message(message_signature(message)?)),
        (a, b) => {
            let found = usize::from(a.is_some()) + usize::from(b.is_some());
            Err(BundleError::OneOf {
                members: "dsseEnvelope and messageSignature",
                found,
            })
        }
    }
}

fn message_signature(json: MessageJson<'_>) -> Result<MessageSignature> {
    let digest = match json.message_digest {
        None => None,
        Some(digest) => {
            let algorithm =
                DigestAlgorithm::from_sigstore_name(&digest.algorithm).ok_or_else(|| {
                    BundleError::Digest {
                        found: digest.algorithm.chars().take(64).collect(),
                    }
                })?;
            Some((
                algorithm,
                bytes_of("messageDigest.digest", &digest.digest, 64)?,
            ))
        }
    };
    let signature = bytes_of("messageSignature.signature", &json.signature, MAX_SIGNATURE)?;
    if signature.is_empty() {
        return Err(BundleError::Missing {
            member: "messageSignature.signature",
        });
    }
    Ok(MessageSignature { digest, signature })
}

pub(crate) fn tlog_entry(json: TlogEntryJson<'_>) -> Result<TlogEntry> {
    let kind = json.kind_version.ok_or(BundleError::Missing {
        member: "kindVersion",
    })?;
    let log_id = json
        .log_id
        .ok_or(BundleError::Missing { member: "logId" })?;
    Ok(TlogEntry {
        log_index: json.log_index.0,
        log_id: bytes_of("logId.keyId", &log_id.key_id, 64)?,
        kind: kind.kind.into_owned(),
        version: kind.version.into_owned(),
        integrated_time: Some(json.integrated_time.0).filter(|&time| time != 0),
        signed_entry_timestamp: json
            .inclusion_promise
            .map(|promise| {
                bytes_of(
                    "signedEntryTimestamp",
                    &promise.signed_entry_timestamp,
                    MAX_SIGNATURE,
                )
            })
            .transpose()?,
        inclusion_proof: json.inclusion_proof.map(tlog_proof).transpose()?,
        canonicalized_body: json.canonicalized_body.map_or(Ok(Vec::new()), |text| {
            base64::decode(&text).map_err(|e| base64_error("canonicalizedBody", e))
        })?,
    })
}

fn tlog_proof(json: ProofJson<'_>) -> Result<TlogProof> {
    limit(
        "hashes in an inclusion proof",
        json.hashes.len(),
        MAX_PROOF_HASHES,
    )?;
    Ok(TlogProof {
        log_index: json.log_index.0,
        root_hash: bytes_of("rootHash", &json.root_hash, 64)?,
        tree_size: json.tree_size.0,
        hashes: json
            .hashes
            .iter()
            .map(|hash| bytes_of("hashes", hash, 64))
            .collect::<Result<_>>()?,
        checkpoint: json
            .checkpoint
            .map_or_else(String::new, |checkpoint| checkpoint.envelope),
    })
}

fn der(raw: &RawBytes<'_>) -> Result<Vec<u8>> {
    let der = bytes_of("rawBytes", &raw.raw_bytes, MAX_KEY)?;
    if der.is_empty() {
        Err(BundleError::Missing { member: "rawBytes" })
    } else {
        Ok(der)
    }
}

fn bytes_of(part: &'static str, text: &str, max: usize) -> Result<Vec<u8>> {
    let found = base64::decoded_len(text);
    if found > max {
        return Err(BundleError::TooLong { part, max, found });
    }
    base64::decode(text).map_err(|source| base64_error(part, source))
}

fn base64_error(part: &'static str, source: Base64Error) -> BundleError {
    BundleError::Base64 { part, source }
}

fn limit(part: &'static str, found: usize, max: usize) -> Result<()> {
    if found > max {
        Err(BundleError::Limit { part, max, found })
    } else {
        Ok(())
    }
}
