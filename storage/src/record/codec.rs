//! Bounded reading and writing of the fields that records and events are made of.
#![deny(clippy::indexing_slicing)]

use std::fmt::Display;

use bytes::Bytes;

use crate::StoreError;

/// The bytes of the CRC at the end.
const CRC_LEN: usize = 4;

/// Collects fields behind a magic; `finish` adds the CRC.
pub(crate) struct Writer(Vec<u8>);

impl Writer {
    pub(crate) fn new(magic: &[u8; 4]) -> Self {
        Self(magic.to_vec())
    }

    pub(crate) fn u8(&mut self, value: u8) {
        self.0.push(value);
    }

    pub(crate) fn u32(&mut self, value: u32) {
        self.array(&value.to_be_bytes());
    }

    pub(crate) fn u64(&mut self, value: u64) {
        self.array(&value.to_be_bytes());
    }

    /// Bytes of a length that the reader knows.
    pub(crate) fn array(&mut self, value: &[u8]) {
        self.0.extend_from_slice(value);
    }

    /// A length in four bytes.
    pub(crate) fn count(&mut self, count: usize) {
        self.u32(u32::try_from(count).expect("a batch and each of its parts stay far below 4 GiB"));
    }

    /// A length and the bytes.
    pub(crate) fn bytes(&mut self, value: &[u8]) {
        self.count(value.len());
        self.array(value);
    }

    pub(crate) fn finish(mut self) -> Bytes {
        let crc = crc32c(&self.0);
        self.u32(crc);
        self.0.into()
    }
}

/// Takes fields off the front; never reads past the end, never allocates more than is there.
pub(crate) struct Reader {
    what: &'static str,
    rest: Bytes,
}

impl Reader {
    /// Checks magic and CRC of all bytes first.
    pub(crate) fn new(
        what: &'static str,
        bytes: &Bytes,
        magic: &[u8; 4],
    ) -> Result<Self, StoreError> {
        let Some((body, crc)) = bytes.split_last_chunk::<CRC_LEN>() else {
            return Err(StoreError::corrupt(
                what,
                "at least a CRC",
                format_args!("{} bytes", bytes.len()),
            ));
        };
        let (found, expected) = (u32::from_be_bytes(*crc), crc32c(body));
        if found != expected {
            return Err(StoreError::corrupt(
                what,
                format_args!("CRC {expected:08x}"),
                format_args!("{found:08x}"),
            ));
        }
        let mut reader = Self {
            what,
            rest: bytes.slice(..body.len()),
        };
        let found: [u8; 4] = reader.array()?;
        if found != *magic {
            return Err(reader.corrupt(hex::encode(magic), hex::encode(found)));
        }
        Ok(reader)
    }

    /// The error of a field that is not what it should be.
    pub(crate) fn corrupt(&self, expected: impl Display, found: impl Display) -> StoreError {
        StoreError::corrupt(self.what, expected, found)
    }

    fn take(&mut self, len: usize) -> Result<Bytes, StoreError> {
        if len > self.rest.len() {
            return Err(self.corrupt(format_args!("{len} more bytes"), self.rest.len()));
        }
        Ok(self.rest.split_to(len))
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], StoreError> {
        let mut array = [0; N];
        array.copy_from_slice(&self.take(N)?);
        Ok(array)
    }

    pub(crate) fn u8(&mut self) -> Result<u8, StoreError> {
        Ok(u8::from_be_bytes(self.array()?))
    }

    pub(crate) fn u32(&mut self) -> Result<u32, StoreError> {
        Ok(u32::from_be_bytes(self.array()?))
    }

    pub(crate) fn u64(&mut self) -> Result<u64, StoreError> {
        Ok(u64::from_be_bytes(self.array()?))
    }

    fn len(&mut self) -> Result<usize, StoreError> {
        let len = self.u32()?;
        usize::try_from(len).map_err(|_| self.corrupt("a length that fits the machine", len))
    }

    /// A count of parts that take at least `part_len_min` bytes each, and are all there by that measure.
    pub(crate) fn count(&mut self, part_len_min: usize) -> Result<usize, StoreError> {
        let count = self.len()?;
        let most = self.rest.len() / part_len_min;
        if count > most {
            return Err(self.corrupt(format_args!("at most {most} entries in the rest"), count));
        }
        Ok(count)
    }

    /// A length and that many bytes, shared with the input.
    pub(crate) fn bytes(&mut self) -> Result<Bytes, StoreError> {
        let len = self.len()?;
        self.take(len)
    }

    /// Refuses bytes that nobody read.
    pub(crate) fn end(self) -> Result<(), StoreError> {
        match self.rest.len() {
            0 => Ok(()),
            left => Err(self.corrupt("the end", format_args!("{left} more bytes"))),
        }
    }
}

/// CRC-32C (Castagnoli, RFC 3720 appendix B.4). A few MB a second of journal records need no faster one.
fn crc32c(bytes: &[u8]) -> u32 {
    const TABLE: [u32; 256] = table();
    let step = |crc: u32, byte: &u8| {
        let [low, ..] = (crc ^ u32::from(*byte)).to_le_bytes();
        // A byte is always an index into 256 entries.
        TABLE.get(usize::from(low)).copied().unwrap_or_default() ^ (crc >> 8)
    };
    !bytes.iter().fold(!0, step)
}

#[expect(
    clippy::indexing_slicing,
    reason = "evaluated by the compiler, which would refuse a bad index"
)]
const fn table() -> [u32; 256] {
    let mut table = [0; 256];
    let mut byte = 0_u32;
    while byte < 256 {
        let mut crc = byte;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 1 == 1 {
                (crc >> 1) ^ 0x82f6_3b78
            } else {
                crc >> 1
            };
            bit += 1;
        }
        table[byte as usize] = crc;
        byte += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::crc32c;

    /// The examples of RFC 3720 appendix B.4, and the check value of the CRC catalogues.
    #[test]
    fn crc32c_matches_rfc_3720() {
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
        assert_eq!(crc32c(&[0; 32]), 0x8a91_36aa);
        assert_eq!(crc32c(&[0xff; 32]), 0x62a8_ab43);
        let ascending: Vec<u8> = (0..32).collect();
        assert_eq!(crc32c(&ascending), 0x46dd_794e);
    }
}
