//! The outside of OpenPGP (RFC 9580 4.2, 6): armor and the framing of packets, written as upstream writes them, as a leaf holds that.

use ::base64::Engine as _;
use ::base64::engine::general_purpose::STANDARD;

use super::base64;

/// Packets of a key ring or signature. Keys with many certifications of others have hundreds, and no leaf has room for them.
const MAX_PACKETS: usize = 256;
const LINE: usize = 64;

/// One packet without its header.
#[derive(Clone, Copy, Debug)]
pub(super) struct Packet<'a> {
    pub(super) tag: u8,
    pub(super) body: &'a [u8],
}

impl Packet<'_> {
    /// Writes it with a header of the new format.
    pub(super) fn push(&self, out: &mut Vec<u8>) {
        out.push(0xc0 | self.tag);
        let len = u32::try_from(self.body.len()).unwrap_or(u32::MAX);
        match len {
            0..192 => out.extend(len.to_be_bytes().last()),
            192..8384 => {
                let [.., high, low] = (len - 192).to_be_bytes();
                out.extend([high + 192, low]);
            }
            _ => {
                out.push(0xff);
                out.extend(len.to_be_bytes());
            }
        }
        out.extend_from_slice(self.body);
    }
}

/// All packets, of either format, with lengths that are said in one piece.
pub(super) fn packets(mut bytes: &[u8]) -> Option<Vec<Packet<'_>>> {
    let mut packets = Vec::new();
    while let Some((&first, rest)) = bytes.split_first() {
        if packets.len() == MAX_PACKETS {
            return None;
        }
        let (tag, len, rest) = match first {
            0xc0.. => {
                let (len, rest) = new_length(rest)?;
                (first & 0x3f, len, rest)
            }
            0x80.. => {
                let octets = match first & 3 {
                    0 => 1,
                    1 => 2,
                    2 => 4,
                    // A length that the stream's end says is none here.
                    _ => return None,
                };
                let (len, rest) = rest.split_at_checked(octets)?;
                (first >> 2 & 0xf, big_endian(len), rest)
            }
            _ => return None,
        };
        let (body, rest) = rest.split_at_checked(len)?;
        packets.push(Packet { tag, body });
        bytes = rest;
    }
    Some(packets)
}

fn new_length(bytes: &[u8]) -> Option<(usize, &[u8])> {
    match bytes {
        [len @ 0..192, rest @ ..] => Some((usize::from(*len), rest)),
        [high @ 192..224, low, rest @ ..] => Some((
            ((usize::from(*high) - 192) << 8) + usize::from(*low) + 192,
            rest,
        )),
        [0xff, a, b, c, d, rest @ ..] => Some((big_endian(&[*a, *b, *c, *d]), rest)),
        _ => None,
    }
}

fn big_endian(bytes: &[u8]) -> usize {
    bytes.iter().fold(0, |len, &b| len << 8 | usize::from(b))
}

/// The first armored block of a text: its label, its bytes, and what follows. A checksum may be missing, not wrong.
pub(super) fn dearmor(text: &str) -> Option<(&str, Vec<u8>, &str)> {
    let mut rest = text;
    let mut line = || {
        let (line, behind) = rest.split_once('\n').unwrap_or((rest, ""));
        let ended = rest.is_empty();
        rest = behind;
        (!ended).then_some(line.trim())
    };
    let label = loop {
        let label = line()?.strip_prefix("-----BEGIN ");
        if let Some(label) = label.and_then(|label| label.strip_suffix("-----")) {
            break label;
        }
    };
    loop {
        match line()? {
            "" => break,
            header if header.contains(": ") || header.ends_with(':') => {}
            _ => return None,
        }
    }
    let (mut packed, mut checksum) = (String::new(), None);
    loop {
        let line = line()?;
        if let Some(end) = line.strip_prefix("-----END ") {
            let bytes = base64::standard(&packed).ok()?;
            let right = checksum.is_none_or(|found| found == crc24(&bytes));
            return (right && end.strip_suffix("-----") == Some(label))
                .then_some((label, bytes, rest));
        }
        if checksum.is_some() {
            return None;
        }
        match line.strip_prefix('=').filter(|digits| digits.len() == 4) {
            Some(digits) => checksum = Some(base64::standard(digits).ok()?),
            None => packed.push_str(line),
        }
    }
}

/// Armor without headers, and without a line end behind it.
pub(super) fn armor(label: &str, bytes: &[u8]) -> String {
    let mut text = format!("-----BEGIN {label}-----\n\n");
    for (at, c) in STANDARD.encode(bytes).chars().enumerate() {
        if at > 0 && at % LINE == 0 {
            text.push('\n');
        }
        text.push(c);
    }
    let checksum = STANDARD.encode(crc24(bytes));
    text + "\n=" + &checksum + "\n-----END " + label + "-----"
}

/// RFC 9580 6.1.1.
fn crc24(bytes: &[u8]) -> Vec<u8> {
    let sum = bytes.iter().fold(0x00b7_04ce_u32, |sum, &byte| {
        (0..8).fold(sum ^ u32::from(byte) << 16, |sum, _| {
            let shifted = sum << 1;
            if shifted & 0x0100_0000 == 0 {
                shifted
            } else {
                shifted ^ 0x0186_4cfb
            }
        })
    });
    sum.to_be_bytes().into_iter().skip(1).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_are_read_as_they_are_written() {
        for len in [0, 191, 192, 8383, 8384, 70000] {
            let body = vec![5; len];
            let packet = Packet {
                tag: 13,
                body: &body,
            };
            let mut bytes = Vec::new();
            packet.push(&mut bytes);
            packet.push(&mut bytes);
            let read = packets(&bytes).unwrap();
            assert!(
                read.len() == 2 && read.iter().all(|p| p.tag == 13 && p.body == body),
                "{len}"
            );
        }
        for bytes in [
            &b"\x99\x00\x01a"[..],
            b"\x98\x01a",
            b"\x9a\x00\x00\x00\x01a",
        ] {
            let read = packets(bytes).unwrap();
            assert!(
                matches!(read[..], [Packet { tag: 6, body: b"a" }]),
                "{bytes:?}"
            );
        }
        let many = [0xc2, 0].repeat(MAX_PACKETS + 1);
        for bytes in [
            &b"a"[..],
            b"\x9b\x01a",
            b"\xc6\xe0a",
            b"\xc6\x02a",
            b"\xc6\xff\xff\xff\xff\xff",
            b"\x99",
            &many,
        ] {
            assert!(packets(bytes).is_none(), "{bytes:?}");
        }
    }

    #[test]
    fn armor_is_read_as_it_is_written() {
        for len in [0, 1, 47, 48, 49, 200] {
            let bytes = vec![9; len];
            let text = armor("PGP X", &bytes);
            assert_eq!(dearmor(&text), Some(("PGP X", bytes, "")), "{text}");
        }
        // RFC 9580 has no vector for it; this is the common one of CRC-24.
        assert_eq!(crc24(b"123456789"), [0x21, 0xcf, 0x02]);
    }

    #[test]
    fn armor_is_refused_where_it_is_not_whole() {
        let text = "before\n-----BEGIN A-----\r\nVersion: 1\r\n\r\nQUFB\r\n-----END A-----\r\nrest";
        assert_eq!(dearmor(text), Some(("A", b"AAA".to_vec(), "rest")));
        for (from, to) in [
            ("END A", "END B"),
            ("QUFB", "QUF"),
            ("\r\n\r\n", "\r\n"),
            ("QUFB", "QUFB\n=AAAA"),
            ("-----END A-----", ""),
        ] {
            assert_eq!(dearmor(&text.replace(from, to)), None, "{from:?} to {to:?}");
        }
    }
}
