//! RFC 3161 time-stamp responses: whether one was granted, and its token signed by a certificate that is in it.
//!
//! What the token says, and whether anybody trusts the certificate, is not looked at.

use der::asn1::ObjectIdentifier;
use der::{AnyRef, Decode, Reader, SliceReader, Tag, TagNumber};

use crate::certificate;
use crate::digest::DigestAlgorithm;
use crate::keys::{KeyError, PublicKey, RsaSizes};
use crate::limits::MAX_TIMESTAMP;
use crate::signature::{SignatureError, verify, verify_pss};

const SIGNED_DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.2");
const TST_INFO: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.16.1.4");
const CONTENT_TYPE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.3");
const MESSAGE_DIGEST: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.4");
const RSASSA_PSS: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.10");
const SHA_256: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.1");
const SHA_384: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.2");
const SHA_512: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.3");

/// The identifier octet of a SET OF, which signed attributes are signed with in place of their own (RFC 5652 5.4).
const SET_OF: u8 = 0x31;

/// Why a time-stamp response does not count.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TimestampError {
    /// Longer than [`MAX_TIMESTAMP`].
    #[error("expected a time-stamp response of at most {MAX_TIMESTAMP} bytes, found {found}")]
    TooLong {
        /// Bytes found.
        found: usize,
    },
    /// Not the DER of a response with a token of one signer.
    #[error("expected a time-stamp response with {expected}, found something else there")]
    Malformed {
        /// The part that is not there.
        expected: &'static str,
    },
    /// A refusal of the authority.
    #[error("expected a time-stamp response of status granted, found status {found}")]
    NotGranted {
        /// Its status in hexadecimal, shortened.
        found: String,
    },
    /// A digest other than SHA-256, SHA-384 and SHA-512.
    #[error("expected a time-stamp token over sha256, sha384 or sha512, found algorithm {found}")]
    Algorithm {
        /// Its object identifier.
        found: ObjectIdentifier,
    },
    /// Its attributes are about another content.
    #[error(
        "expected signed attributes with the digest of the time-stamp's content, found another"
    )]
    Digest,
    /// The certificate that it names is not in it.
    #[error("expected the certificate of the signer in the time-stamp token, found none")]
    NoCertificate,
    /// A key that cannot verify.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The signature does not verify.
    #[error(transparent)]
    Signature(#[from] SignatureError),
}

type Result<T> = std::result::Result<T, TimestampError>;

/// Verifies a `TimeStampResp`: its status is granted, and its token has one signature, over the token's content, by the key of a
/// certificate in the token (RFC 3161 2.4.2, RFC 5652 5). Bytes behind it are ignored, as Rekor v1 does.
///
/// # Errors
/// [`TimestampError`].
pub fn verify_response(bytes: &[u8]) -> Result<()> {
    if bytes.len() > MAX_TIMESTAMP {
        return Err(TimestampError::TooLong { found: bytes.len() });
    }
    let mut response = Fields::of(bytes)?.sequence("a sequence")?;
    let status = response
        .sequence("a status")?
        .required(Tag::Integer, "a status")?;
    if !matches!(status.value, [0 | 1]) {
        return Err(TimestampError::NotGranted {
            found: status.value.iter().take(8).map(hex_of).collect(),
        });
    }
    let mut token = response.sequence("a token")?;
    response.end("nothing behind the token")?;
    if token.oid("a content type")? != SIGNED_DATA {
        return Err(malformed("a token of signed data"));
    }
    let mut explicit = token.nested(context(0), "signed data")?;
    SignedData::read(explicit.sequence("signed data")?)?.verify()
}

fn hex_of(byte: &u8) -> String {
    format!("{byte:02x}")
}

/// RFC 5652 5.1.
struct SignedData<'a> {
    content: &'a [u8],
    certificates: Fields<'a>,
    signer: Signer<'a>,
}

/// RFC 5652 5.3, with the signer named by issuer and serial number.
struct Signer<'a> {
    issuer: &'a [u8],
    serial: &'a [u8],
    digest: DigestAlgorithm,
    attributes: Field<'a>,
    pss: bool,
    signature: &'a [u8],
}

impl<'a> SignedData<'a> {
    fn read(mut fields: Fields<'a>) -> Result<Self> {
        fields.required(Tag::Integer, "a version")?;
        fields.required(Tag::Set, "digest algorithms")?;
        let mut encapsulated = fields.sequence("a content")?;
        if encapsulated.oid("a type of content")? != TST_INFO {
            return Err(malformed("a content of type tst info"));
        }
        let mut explicit = encapsulated.nested(context(0), "a content")?;
        let content = explicit.required(Tag::OctetString, "a content of one octet string")?;
        let certificates = fields.nested(context(0), "certificates")?;
        fields.optional(context(1))?;
        let mut signers = fields.nested(Tag::Set, "a signer")?;
        let signer = Signer::read(signers.sequence("a signer")?)?;
        signers.end("one signer")?;
        Ok(Self {
            content: content.value,
            certificates,
            signer,
        })
    }

    fn verify(mut self) -> Result<()> {
        let signer = &self.signer;
        if signer.message_digest()? != signer.digest.of(self.content) {
            return Err(TimestampError::Digest);
        }
        let mut message = signer.attributes.whole.to_vec();
        if let Some(tag) = message.first_mut() {
            *tag = SET_OF;
        }
        let key = signer.key(&mut self.certificates)?;
        if signer.pss {
            verify_pss(&key, signer.digest, &message, signer.signature)?;
        } else {
            verify(&key, signer.digest, &message, signer.signature)?;
        }
        Ok(())
    }
}

impl<'a> Signer<'a> {
    fn read(mut fields: Fields<'a>) -> Result<Self> {
        fields.required(Tag::Integer, "a signer's version")?;
        let mut name = fields.sequence("a signer's issuer and serial number")?;
        let issuer = name.required(Tag::Sequence, "an issuer")?.whole;
        let serial = name.required(Tag::Integer, "a serial number")?.value;
        let digest = match fields
            .sequence("a digest algorithm")?
            .oid("a digest algorithm")?
        {
            SHA_256 => DigestAlgorithm::Sha256,
            SHA_384 => DigestAlgorithm::Sha384,
            SHA_512 => DigestAlgorithm::Sha512,
            found => return Err(TimestampError::Algorithm { found }),
        };
        let attributes = fields.required(context(0), "signed attributes")?;
        let algorithm = fields
            .sequence("a signature algorithm")?
            .oid("a signature algorithm")?;
        let signature = fields.required(Tag::OctetString, "a signature")?.value;
        fields.optional(context(1))?;
        fields.end("nothing behind the signature")?;
        Ok(Self {
            issuer,
            serial,
            digest,
            attributes,
            pss: algorithm == RSASSA_PSS,
            signature,
        })
    }

    /// The digest in the attributes, which must also say of which type the content is. Each may be there once.
    fn message_digest(&self) -> Result<&'a [u8]> {
        let mut attributes = Fields::of(self.attributes.value)?;
        let (mut digest, mut content_type) = (None, None);
        while !attributes.0.is_finished() {
            let mut attribute = attributes.sequence("attributes")?;
            let kind = attribute.oid("a type of attribute")?;
            let mut values = attribute.nested(Tag::Set, "values of an attribute")?;
            let before = match kind {
                MESSAGE_DIGEST => {
                    digest.replace(values.required(Tag::OctetString, "a message digest")?.value)
                }
                CONTENT_TYPE => content_type
                    .replace(values.oid("a content type")?)
                    .map(|_| &[][..]),
                _ => continue,
            };
            values.end("one value of an attribute")?;
            if before.is_some() {
                return Err(malformed("attributes that are there once"));
            }
        }
        if content_type != Some(TST_INFO) {
            return Err(malformed("an attribute with the type of the content"));
        }
        digest.ok_or_else(|| malformed("an attribute with the digest of the content"))
    }

    fn key(&self, certificates: &mut Fields<'a>) -> Result<PublicKey> {
        while let Some(found) = certificates.optional(Tag::Sequence)? {
            if certificate::is_named(found.whole, self.issuer, self.serial) {
                let key = PublicKey::from_certificate_der_with(found.whole, RsaSizes::Legacy)?;
                return Ok(key);
            }
        }
        Err(TimestampError::NoCertificate)
    }
}

/// One value: its bytes with and without tag and length.
#[derive(Clone, Copy)]
struct Field<'a> {
    whole: &'a [u8],
    value: &'a [u8],
}

/// Values one behind the other.
struct Fields<'a>(SliceReader<'a>);

impl<'a> Fields<'a> {
    fn of(bytes: &'a [u8]) -> Result<Self> {
        SliceReader::new(bytes)
            .map(Self)
            .map_err(|_| malformed("lengths that fit"))
    }

    /// The next value, if it has this tag.
    fn optional(&mut self, tag: Tag) -> Result<Option<Field<'a>>> {
        if self.0.is_finished() || Tag::peek(&self.0).ok() != Some(tag) {
            return Ok(None);
        }
        let whole = self
            .0
            .tlv_bytes()
            .map_err(|_| malformed("lengths that fit"))?;
        let any = AnyRef::from_der(whole).map_err(|_| malformed("lengths that fit"))?;
        Ok(Some(Field {
            whole,
            value: any.value(),
        }))
    }

    fn required(&mut self, tag: Tag, expected: &'static str) -> Result<Field<'a>> {
        self.optional(tag)?.ok_or_else(|| malformed(expected))
    }

    fn nested(&mut self, tag: Tag, expected: &'static str) -> Result<Self> {
        Self::of(self.required(tag, expected)?.value)
    }

    fn sequence(&mut self, expected: &'static str) -> Result<Self> {
        self.nested(Tag::Sequence, expected)
    }

    fn oid(&mut self, expected: &'static str) -> Result<ObjectIdentifier> {
        let value = self.required(Tag::ObjectIdentifier, expected)?.value;
        ObjectIdentifier::from_bytes(value).map_err(|_| malformed(expected))
    }

    fn end(&self, expected: &'static str) -> Result<()> {
        if self.0.is_finished() {
            Ok(())
        } else {
            Err(malformed(expected))
        }
    }
}

fn context(number: u32) -> Tag {
    Tag::ContextSpecific {
        constructed: true,
        number: TagNumber(number),
    }
}

fn malformed(expected: &'static str) -> TimestampError {
    TimestampError::Malformed { expected }
}
