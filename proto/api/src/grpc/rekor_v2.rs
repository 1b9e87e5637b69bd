//! Rekor v2 as gRPC: the messages of `dev.sigstore.rekor.v2.Rekor`, and the way from and to what logs understand.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::json;
use treering_rekor::v2::create::MAX_VERIFIERS;
use treering_rekor::v2::{
    self, API_VERSION, CreateEntry, DsseRequest, KIND, KeyDetails, Request, RequestError,
    TransparencyLogEntry,
};

pub use pb::dev::sigstore::rekor::v1::TransparencyLogEntry as TransparencyLogEntryMessage;
pub use pb::dev::sigstore::rekor::v2::{
    CreateEntryRequest, EntryBundleRequest, TileRequest, rekor_client, rekor_server,
};
pub use pb::google::api::HttpBody;

use pb::dev::sigstore::common::v1::LogId;
use pb::dev::sigstore::rekor::v1::{Checkpoint, InclusionProof, KindVersion};
use pb::dev::sigstore::rekor::v2::create_entry_request::Spec;
use pb::dev::sigstore::rekor::v2::verifier::Verifier as Material;
use pb::dev::sigstore::rekor::v2::{DsseRequestV002, HashedRekordRequestV002, Verifier};
use pb::io::intoto::Envelope;

/// The generated messages, client and server, by package.
#[expect(
    missing_docs,
    reason = "generated code; the comments are in the proto files"
)]
#[expect(unused_qualifications, reason = "generated code")]
#[expect(clippy::too_many_lines, reason = "generated code")]
#[expect(
    clippy::allow_attributes,
    clippy::allow_attributes_without_reason,
    reason = "generated code"
)]
pub mod pb {
    include!(concat!(env!("OUT_DIR"), "/sigstore.rs"));
}

/// The encoded file descriptor set of `dev.sigstore.rekor.v2` and what it imports, for server reflection.
pub const DESCRIPTOR: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/sigstore.bin"));

/// The metadata key and HTTP header under which the refusal of a duplicate carries the index of the first.
pub const LOG_INDEX_KEY: &str = "x-log-index";

impl CreateEntryRequest {
    /// What is asked; fields that this version does not know are passed over, as protobuf does.
    ///
    /// # Errors
    /// [`RequestError`].
    pub fn read(self) -> Result<CreateEntry, RequestError> {
        match self.spec {
            None => Err(missing("hashedRekordRequestV002")),
            Some(Spec::HashedRekordRequestV002(request)) => {
                request.read().map(CreateEntry::HashedRekord)
            }
            Some(Spec::DsseRequestV002(request)) => request.read().map(CreateEntry::Dsse),
        }
    }
}

impl HashedRekordRequestV002 {
    fn read(self) -> Result<Request, RequestError> {
        let signature = self.signature.ok_or(missing("signature"))?;
        let verifier = signature.verifier.ok_or(missing("signature.verifier"))?;
        let (verifier, key_details) = verifier.read()?;
        Ok(Request {
            digest: present(&self.digest, "digest")?,
            signature: present(&signature.content, "signature.content")?,
            verifier,
            key_details,
        })
    }
}

impl DsseRequestV002 {
    fn read(self) -> Result<DsseRequest, RequestError> {
        let envelope = self.envelope.ok_or(missing("dsseRequestV002.envelope"))?;
        match self.verifiers.len() {
            0 => Err(missing("dsseRequestV002.verifiers")),
            found if found > MAX_VERIFIERS => Err(RequestError::Verifiers { found }),
            _ => Ok(DsseRequest {
                envelope: envelope.to_json(),
                verifiers: self
                    .verifiers
                    .into_iter()
                    .map(Verifier::read)
                    .collect::<Result<_, _>>()?,
            }),
        }
    }
}

impl Envelope {
    /// The envelope as the JSON that DSSE gives it; a message has no bytes of its own to keep.
    fn to_json(&self) -> Vec<u8> {
        let signatures: Vec<_> = self
            .signatures
            .iter()
            .map(|signature| json!({"keyid": signature.keyid, "sig": STANDARD.encode(&signature.sig)}))
            .collect();
        let payload = STANDARD.encode(&self.payload);
        json!({"payload": payload, "payloadType": self.payload_type, "signatures": signatures})
            .to_string()
            .into_bytes()
    }
}

impl Verifier {
    fn read(self) -> Result<(v2::Verifier, KeyDetails), RequestError> {
        let key_details = match self.key_details {
            0 => return Err(missing("verifier.keyDetails")),
            number => KeyDetails::from_number(number)?,
        };
        let verifier = match self.verifier {
            None => return Err(missing("verifier.publicKey or .x509Certificate")),
            Some(Material::PublicKey(key)) => {
                v2::Verifier::PublicKey(present(&key.raw_bytes, "verifier.publicKey.rawBytes")?)
            }
            Some(Material::X509Certificate(certificate)) => v2::Verifier::Certificate(present(
                &certificate.raw_bytes,
                "verifier.x509Certificate.rawBytes",
            )?),
        };
        Ok((verifier, key_details))
    }
}

const fn missing(member: &'static str) -> RequestError {
    RequestError::Missing { member }
}

/// Proto3 has no difference between an empty and an absent member.
fn present(bytes: &Bytes, member: &'static str) -> Result<Vec<u8>, RequestError> {
    if bytes.is_empty() {
        return Err(missing(member));
    }
    Ok(bytes.to_vec())
}

impl From<&TransparencyLogEntry<'_>> for TransparencyLogEntryMessage {
    fn from(entry: &TransparencyLogEntry<'_>) -> Self {
        // An index is below 2^63 by its type.
        let signed = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        let log_index = signed(entry.proof.index.get());
        Self {
            log_index,
            log_id: Some(LogId {
                key_id: Bytes::copy_from_slice(entry.log_id),
            }),
            kind_version: Some(KindVersion {
                kind: KIND.to_owned(),
                version: API_VERSION.to_owned(),
            }),
            integrated_time: 0,
            inclusion_promise: None,
            inclusion_proof: Some(InclusionProof {
                log_index,
                root_hash: Bytes::copy_from_slice(entry.root.as_bytes()),
                tree_size: signed(entry.proof.size.get()),
                hashes: entry
                    .proof
                    .hashes
                    .iter()
                    .map(|hash| Bytes::copy_from_slice(hash.as_bytes()))
                    .collect(),
                checkpoint: Some(Checkpoint {
                    envelope: entry.checkpoint.to_owned(),
                }),
            }),
            canonicalized_body: Bytes::copy_from_slice(entry.leaf),
        }
    }
}
