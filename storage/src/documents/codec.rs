//! A held document as bytes, and whether its body is in the database or in a file.
#![deny(clippy::indexing_slicing)]

use bytes::Bytes;
use treering_tlog::Hash;

use super::{Gitoid, Held};
use crate::StoreError;
use crate::record::codec::{Reader, Writer};

/// Four bytes at the start of an encoded held document: `TRH` and the version.
const MAGIC: &[u8; 4] = b"TRH\x01";
/// What a key id takes at least: its length.
const KEY_ID_LEN_MIN: usize = 4;

/// Where a held body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HeldIn {
    /// A row beside the one of the document.
    Row,
    /// A file below `DIR/held/`.
    File,
}

impl Held {
    /// The bytes of the document; its gitoid is the key of the row.
    pub(crate) fn encode(&self, body: HeldIn) -> Bytes {
        let mut out = Writer::new(MAGIC);
        out.u8(match body {
            HeldIn::Row => 1,
            HeldIn::File => 2,
        });
        out.array(self.envelope_sha256.as_bytes());
        out.u64(self.len);
        out.u64(self.arrived);
        out.array(self.payload_sha256.as_bytes());
        out.count(self.key_ids.len());
        for key_id in &self.key_ids {
            out.bytes(key_id.as_bytes());
        }
        out.finish()
    }

    /// Reads what [`encode`](Self::encode) wrote, all of it.
    pub(crate) fn decode(gitoid: Gitoid, bytes: &Bytes) -> Result<(Self, HeldIn), StoreError> {
        let mut input = Reader::new("held document", bytes, MAGIC)?;
        let body = match input.u8()? {
            1 => HeldIn::Row,
            2 => HeldIn::File,
            flag => return Err(input.corrupt("flag 1 or 2 of a held document", flag)),
        };
        let envelope_sha256 = Hash::new(input.array()?);
        let (len, arrived) = (input.u64()?, input.u64()?);
        let payload_sha256 = Hash::new(input.array()?);
        let count = input.count(KEY_ID_LEN_MIN)?;
        let key_ids = (0..count)
            .map(|_| {
                let text = String::from_utf8(input.bytes()?.into());
                text.map_err(|error| input.corrupt("a key id in UTF-8", error))
            })
            .collect::<Result<Vec<_>, _>>()?;
        input.end()?;
        let held = Self {
            gitoid,
            envelope_sha256,
            len,
            arrived,
            payload_sha256,
            key_ids,
        };
        Ok((held, body))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Whatever stands between the magic and a right CRC is refused, or is the one encoding of a value.
        #[test]
        fn bytes_are_refused_or_canonical(fields in prop::collection::vec(any::<u8>(), 0..200), flag in 0_u8..4, zeros in 0_usize..120) {
            let mut fields = fields;
            fields.iter_mut().take(zeros).for_each(|byte| *byte = 0);
            fields.iter_mut().take(1).for_each(|byte| *byte = flag);
            let mut out = Writer::new(MAGIC);
            out.array(&fields);
            let bytes = out.finish();
            let gitoid = Gitoid::of(b"");
            if let Ok((held, body)) = Held::decode(gitoid, &bytes) {
                prop_assert_eq!(held.encode(body), bytes);
            }
        }

        #[test]
        fn what_is_encoded_comes_back(key_ids in prop::collection::vec(".{0,9}", 0..5), len: u64, arrived: u64, file: bool) {
            let body = if file { HeldIn::File } else { HeldIn::Row };
            let held = Held { gitoid: Gitoid::of(b"1"), envelope_sha256: Hash::of(b"2"), len, arrived, payload_sha256: Hash::of(b"3"), key_ids };
            let bytes = held.encode(body);
            prop_assert_eq!(Held::decode(held.gitoid, &bytes), Ok((held.clone(), body)));
            let cut = bytes.slice(..bytes.len() - 1);
            prop_assert!(Held::decode(held.gitoid, &cut).is_err());
        }
    }
}
