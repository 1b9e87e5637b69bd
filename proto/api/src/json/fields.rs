//! How single values are written: used by serde's `with`, and by the query string.

use base64::Engine;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};
use bytes::Bytes;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::log::{Dialect, LogName};
use crate::reject::Reject;

/// URL-safe base64, written without padding and read with or without.
const URL_SAFE: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::URL_SAFE,
    GeneralPurposeConfig::new()
        .with_encode_padding(false)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Standard base64, read with or without padding.
const STANDARD_ANY_PADDING: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A public key or certificate (PEM or DER) as a `verifiers` parameter of a query carries it.
#[must_use]
pub fn verifier_to_query(key: &[u8]) -> String {
    URL_SAFE.encode(key)
}

/// The reverse of [`verifier_to_query`]. The standard alphabet is read too, also where its `+` was not escaped and so
/// became a space; padding may be there or not.
///
/// # Errors
/// `Malformed` if it is not base64.
pub fn verifier_from_query(text: &str) -> Result<Bytes, Reject> {
    decode_either(&text.replace(' ', "+"))
        .map_err(|e| Reject::malformed("a verifier in base64", e.to_string()))
}

/// Base64 of the standard or of the URL-safe alphabet, but not of both at once, padded or not.
fn decode_either(text: &str) -> Result<Bytes, base64::DecodeError> {
    let engine = if text.contains(['-', '_']) {
        &URL_SAFE
    } else {
        &STANDARD_ANY_PADDING
    };
    engine.decode(text).map(Bytes::from)
}

impl Serialize for LogName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for LogName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::new(&text).map_err(de::Error::custom)
    }
}

impl Serialize for Dialect {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Dialect {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| {
            de::Error::custom(format!("expected rekor-v1 or rekor-v2, found {text:?}"))
        })
    }
}

/// A hash as 64 hexadecimal digits.
pub(super) mod hex_hash {
    use super::{Deserialize, Deserializer, Serializer, de};
    use treering_tlog::Hash;

    pub(in crate::json) fn serialize<S: Serializer>(
        hash: &Hash,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_str(hash)
    }

    pub(in crate::json) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Hash, D::Error> {
        let text = String::deserialize(deserializer)?;
        parse(&text)
    }

    fn parse<E: de::Error>(text: &str) -> Result<Hash, E> {
        let canonical = text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        let hash = Hash::from_hex(text).ok().filter(|_| canonical);
        hash.ok_or_else(|| {
            let found: String = text.chars().take(80).collect();
            E::custom(format!(
                "expected a hash of 64 lowercase hexadecimal digits, found {found:?}"
            ))
        })
    }

    /// The same where the field may be absent.
    pub(in crate::json) mod option {
        use super::{Deserialize, Deserializer, Hash, Serializer, parse};

        #[expect(clippy::ref_option, reason = "the signature that serde's `with` calls")]
        pub(in crate::json) fn serialize<S: Serializer>(
            hash: &Option<Hash>,
            serializer: S,
        ) -> Result<S::Ok, S::Error> {
            match hash {
                Some(hash) => serializer.collect_str(hash),
                None => serializer.serialize_none(),
            }
        }

        pub(in crate::json) fn deserialize<'de, D: Deserializer<'de>>(
            deserializer: D,
        ) -> Result<Option<Hash>, D::Error> {
            let text = Option::<String>::deserialize(deserializer)?;
            text.as_deref().map(parse).transpose()
        }
    }

    /// The same for a list.
    pub(in crate::json) mod list {
        use super::{Deserialize, Deserializer, Hash, Serializer, parse};

        pub(in crate::json) fn serialize<S: Serializer>(
            hashes: &[Hash],
            serializer: S,
        ) -> Result<S::Ok, S::Error> {
            serializer.collect_seq(hashes.iter().map(Hash::to_hex))
        }

        pub(in crate::json) fn deserialize<'de, D: Deserializer<'de>>(
            deserializer: D,
        ) -> Result<Vec<Hash>, D::Error> {
            let texts = Vec::<String>::deserialize(deserializer)?;
            texts.iter().map(|text| parse(text)).collect()
        }
    }
}

/// A leaf index as a number below 2^63.
pub(super) mod leaf_index {
    use super::{Deserialize, Deserializer, Serializer, de};
    use treering_tlog::LeafIndex;

    pub(in crate::json) fn serialize<S: Serializer>(
        index: &LeafIndex,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(index.get())
    }

    pub(in crate::json) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<LeafIndex, D::Error> {
        let number = u64::deserialize(deserializer)?;
        LeafIndex::new(number).ok_or_else(|| {
            de::Error::custom(format!("expected an index below 2^63, found {number}"))
        })
    }
}

/// A tree size as a number up to 2^63-1.
pub(super) mod tree_size {
    use super::{Deserialize, Deserializer, Serializer, de};
    use treering_tlog::TreeSize;

    pub(in crate::json) fn serialize<S: Serializer>(
        size: &TreeSize,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(size.get())
    }

    pub(in crate::json) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<TreeSize, D::Error> {
        let number = u64::deserialize(deserializer)?;
        TreeSize::new(number).ok_or_else(|| {
            de::Error::custom(format!("expected a size up to 2^63-1, found {number}"))
        })
    }
}

/// Bytes as padded standard base64.
pub(super) mod base64_bytes {
    use super::{Bytes, Deserialize, Deserializer, Engine, STANDARD, Serializer, de};

    pub(in crate::json) fn serialize<S: Serializer>(
        bytes: &Bytes,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(bytes))
    }

    pub(in crate::json) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Bytes, D::Error> {
        let text = String::deserialize(deserializer)?;
        parse(&text)
    }

    fn parse<E: de::Error>(text: &str) -> Result<Bytes, E> {
        STANDARD
            .decode(text)
            .map(Bytes::from)
            .map_err(|e| E::custom(format!("expected padded base64: {e}")))
    }
}

/// The verifiers of one envelope: written in padded standard base64, read in either alphabet. Text that is neither is
/// kept as it is, so that the log refuses this envelope (unless it is a key in PEM) and not the whole batch.
pub(super) mod verifiers {
    use super::{Bytes, Deserialize, Deserializer, Engine, STANDARD, Serializer, decode_either};

    pub(in crate::json) fn serialize<S: Serializer>(
        items: &[Bytes],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(items.iter().map(|item| STANDARD.encode(item)))
    }

    pub(in crate::json) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<Bytes>, D::Error> {
        let texts = Vec::<String>::deserialize(deserializer)?;
        let read = |text: String| decode_either(&text).unwrap_or_else(|_| text.into());
        Ok(texts.into_iter().map(read).collect())
    }
}
