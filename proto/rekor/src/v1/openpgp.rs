//! OpenPGP keys and detached signatures. rPGP parses and verifies; what a leaf holds is written here, as upstream writes it.

use std::ops::RangeInclusive;

use ::pgp::crypto::hash::HashAlgorithm;
use ::pgp::crypto::public_key::PublicKeyAlgorithm;
use ::pgp::packet::{
    Packet as Parsed, PacketParser, PublicKey, PublicSubkey, Signature, SignatureType, UserId,
};
use ::pgp::types::{Duration, KeyDetails, Tag, Timestamp, VerifyingKey};

use super::openpgp_armor::{Packet, armor, dearmor, packets};
use super::refused::RefusedEntry;

/// `format` of a rekord.
pub(super) const FORMAT: &str = "pgp";

const BEGIN: &[u8] = b"-----BEGIN PGP";
const KEY_LABEL: &str = "PGP PUBLIC KEY BLOCK";
const SIGNATURE_LABEL: &str = "PGP SIGNATURE";
/// Bits of an RSA modulus: from where upstream takes them, to where envelopes' keys end.
const RSA_BITS: RangeInclusive<u16> = 2047..=8192;
const USER_ID: u8 = 13;
/// Packets that carry nothing: marker and padding.
const EMPTY: [u8; 2] = [10, 21];

/// A key ring: one key at least, whose own signatures all verify.
#[derive(Clone, Debug)]
pub(super) struct Key {
    canonical: Vec<u8>,
    signers: Vec<Signer>,
}

/// A key or subkey that may have signed.
#[derive(Clone, Debug)]
struct Signer {
    key: SignerKey,
    signs: bool,
    revoked: bool,
    expires: Option<u64>,
}

#[derive(Clone, Debug)]
enum SignerKey {
    Primary(PublicKey),
    Sub(PublicSubkey),
}

fn malformed(expected: &'static str) -> RefusedEntry {
    RefusedEntry::Detached {
        format: FORMAT,
        expected,
    }
}

const UNVERIFIED: RefusedEntry = RefusedEntry::DetachedSignature { format: FORMAT };

impl Key {
    /// Armored blocks, or packets.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, RefusedEntry> {
        let mut dearmored = Vec::new();
        let mut bytes = bytes;
        if bytes.starts_with(BEGIN) {
            let mut text = std::str::from_utf8(bytes).map_err(|_| malformed("text"))?;
            while !text.trim().is_empty() {
                let block = dearmor(text).filter(|(label, ..)| *label == KEY_LABEL);
                let (_, body, rest) = block.ok_or_else(|| malformed("armor of public keys"))?;
                dearmored.extend(body);
                text = rest;
            }
            bytes = &dearmored;
        }
        let packets = packets(bytes).ok_or_else(|| malformed("packets of public keys"))?;
        let mut rest = packets.as_slice();
        let mut ring = Self {
            canonical: Vec::new(),
            signers: Vec::new(),
        };
        while !rest.is_empty() {
            rest = ring.add(rest)?;
        }
        if ring.signers.is_empty() {
            return Err(malformed("a public key"));
        }
        Ok(ring)
    }

    /// Takes a key with all that belongs to it off the packets.
    fn add<'a>(&mut self, packets: &'a [Packet<'a>]) -> Result<&'a [Packet<'a>], RefusedEntry> {
        let (first, mut rest) = packets
            .split_first()
            .ok_or_else(|| malformed("a public key"))?;
        let Parsed::PublicKey(primary) = parse(first)? else {
            return Err(malformed("a public key before what belongs to it"));
        };
        if !verifies(&primary, first) {
            return Err(malformed(
                "a key of version 4 of ecdsa, eddsa or 2047 to 8192 bits of rsa",
            ));
        }
        first.push(&mut self.canonical);
        let (own, behind) = signatures(rest)?;
        rest = behind;
        let mut owner = Signer::new(SignerKey::Primary(primary.clone()));
        owner.add_own(&own, &primary, &mut self.canonical)?;
        let (mut subkeys, mut named) = (Vec::new(), false);
        while let Some((packet, behind)) = rest.split_first() {
            let parsed = match parse(packet)? {
                Parsed::PublicKey(_) => break,
                parsed => parsed,
            };
            let (signed, behind) = signatures(behind)?;
            rest = behind;
            match parsed {
                Parsed::UserId(name) => {
                    let written = owner.add_name(&name, &signed, &primary)?;
                    if written {
                        packet.push(&mut self.canonical);
                        signed
                            .iter()
                            .for_each(|(packet, _)| packet.push(&mut self.canonical));
                    }
                    named |= written;
                }
                Parsed::PublicSubkey(key) => {
                    packet.push(&mut self.canonical);
                    subkeys.push(Signer::of_subkey(
                        (packet, key),
                        &signed,
                        &primary,
                        &mut self.canonical,
                    )?);
                }
                // Of attributes, upstream keeps nothing.
                Parsed::UserAttribute(_) => {}
                _ => return Err(malformed("names and subkeys behind a public key")),
            }
        }
        if !named {
            return Err(malformed("a name that the key has signed"));
        }
        self.signers.push(owner);
        self.signers.extend(subkeys);
        Ok(rest)
    }

    pub(super) fn canonical(&self) -> String {
        armor(KEY_LABEL, &self.canonical)
    }

    /// Verifies the first signature that one of the keys may have made, and gives the canonical form of all: armor as it was
    /// submitted, packets armored.
    pub(super) fn verify(&self, content: &[u8], signature: &[u8]) -> Result<Vec<u8>, RefusedEntry> {
        let text = std::str::from_utf8(signature).ok().and_then(dearmor);
        let (bytes, canonical) = match &text {
            Some((SIGNATURE_LABEL, body, _)) => (body.as_slice(), signature.to_vec()),
            Some(_) => return Err(malformed("armor of a signature")),
            None => (signature, armor(SIGNATURE_LABEL, signature).into_bytes()),
        };
        let packets = packets(bytes).ok_or_else(|| malformed("packets of a signature"))?;
        let (signatures, rest) = signatures(&packets)?;
        if signatures.is_empty() || !rest.is_empty() {
            return Err(malformed("packets of signatures alone"));
        }
        for (_, signature) in &signatures {
            let mut candidates = self
                .signers
                .iter()
                .filter(|signer| signer.is_issuer_of(signature));
            if let Some(signer) = candidates.next() {
                signer.verify(content, signature)?;
                return Ok(canonical);
            }
        }
        Err(UNVERIFIED)
    }
}

/// The addresses in the names of a canonical key.
pub(super) fn addresses(canonical: &[u8]) -> Vec<String> {
    let text = std::str::from_utf8(canonical).unwrap_or_default();
    let Some((_, bytes, _)) = dearmor(text) else {
        return Vec::new();
    };
    let packets = packets(&bytes).unwrap_or_default();
    let names = packets.iter().filter(|packet| packet.tag == USER_ID);
    names
        .filter_map(|name| address(std::str::from_utf8(name.body).ok()?))
        .collect()
}

/// The address of a name, as upstream takes `Name (Comment) <address>` apart: a name alone that has an at sign is one, too.
fn address(id: &str) -> Option<String> {
    let name_ends = id.find(['(', '<']).unwrap_or(id.len());
    let (name, rest) = id.split_at(name_ends);
    let behind_comment = match rest.strip_prefix('(') {
        Some(comment) => comment.split_once(')').map_or("", |(_, rest)| rest),
        None => rest,
    };
    let address = behind_comment.split_once('<').map_or("", |(_, rest)| rest);
    let address = address.split('>').next().unwrap_or_default().trim();
    let address = match address {
        "" => name.trim(),
        address => address,
    };
    super::search::is_email(address).then(|| address.to_owned())
}

/// One packet, by rPGP.
fn parse(packet: &Packet<'_>) -> Result<Parsed, RefusedEntry> {
    let mut bytes = Vec::with_capacity(packet.body.len() + 6);
    packet.push(&mut bytes);
    let parsed = PacketParser::new(bytes.as_slice()).next();
    parsed
        .and_then(Result::ok)
        .ok_or_else(|| malformed("packets that are known"))
}

type Signed<'a> = Vec<(Packet<'a>, Signature)>;

/// The signatures that packets begin with, and the rest. Empty packets among them are passed over.
fn signatures<'a>(
    mut packets: &'a [Packet<'a>],
) -> Result<(Signed<'a>, &'a [Packet<'a>]), RefusedEntry> {
    let mut signatures = Vec::new();
    while let Some((packet, behind)) = packets.split_first() {
        if !EMPTY.contains(&packet.tag) {
            match parse(packet)? {
                Parsed::Signature(signature) => signatures.push((*packet, signature)),
                _ => break,
            }
        }
        packets = behind;
    }
    Ok((signatures, packets))
}

fn is_by(signature: &Signature, key: &impl KeyDetails) -> bool {
    signature.issuer_key_id().contains(&&key.legacy_key_id())
        || signature.issuer_fingerprint().contains(&&key.fingerprint())
}

/// Keys of version 4 that verify in a bounded time (numbers of DSA may be as long as the packet) and are not too weak to count.
fn verifies(key: &impl KeyDetails, packet: &Packet<'_>) -> bool {
    let [4, _, _, _, _, _, high, low, ..] = *packet.body else {
        return false;
    };
    match key.algorithm() {
        PublicKeyAlgorithm::RSA | PublicKeyAlgorithm::RSASign => {
            RSA_BITS.contains(&u16::from_be_bytes([high, low]))
        }
        PublicKeyAlgorithm::ECDSA
        | PublicKeyAlgorithm::EdDSALegacy
        | PublicKeyAlgorithm::Ed25519 => true,
        _ => false,
    }
}

fn created(signature: &Signature) -> u64 {
    signature
        .created()
        .map_or(0, |at| u64::from(Timestamp::as_secs(at)))
}

impl Signer {
    fn new(key: SignerKey) -> Self {
        Self {
            key,
            signs: true,
            revoked: false,
            expires: None,
        }
    }

    /// What the newest signature over the key says: whether it signs, and until when.
    fn learn(&mut self, signature: &Signature, key_created: Timestamp) {
        let flags = signature.key_flags();
        let any = flags.certify()
            || flags.sign()
            || flags.encrypt_comms()
            || flags.encrypt_storage()
            || flags.authentication();
        self.signs = flags.sign() || !any;
        let lasts = signature
            .key_expiration_time()
            .map(|lasts| u64::from(Duration::as_secs(lasts)));
        let lasts = lasts.filter(|&lasts| lasts > 0);
        self.expires = lasts.map(|lasts| u64::from(key_created.as_secs()) + lasts);
    }

    /// Signatures over the primary key itself: revocations first, as they are written.
    fn add_own(
        &mut self,
        signed: &Signed<'_>,
        primary: &PublicKey,
        out: &mut Vec<u8>,
    ) -> Result<(), RefusedEntry> {
        let (revocations, others): (Vec<_>, Vec<_>) = signed
            .iter()
            .partition(|(_, signature)| signature.typ() == Some(SignatureType::KeyRevocation));
        for (packet, signature) in revocations.iter().chain(&others) {
            let verified = signature.verify_key(primary);
            verified.map_err(|_| malformed("a key whose own signatures verify"))?;
            packet.push(out);
        }
        self.revoked = !revocations.is_empty();
        Ok(())
    }

    /// A name; whether the key has signed it. Signatures of others are kept unverified.
    fn add_name(
        &mut self,
        name: &UserId,
        signed: &Signed<'_>,
        primary: &PublicKey,
    ) -> Result<bool, RefusedEntry> {
        let own: Vec<_> = signed
            .iter()
            .map(|(_, s)| s)
            .filter(|s| is_by(s, primary))
            .collect();
        for signature in &own {
            let verified = signature.verify_certification(primary, Tag::UserId, name);
            verified.map_err(|_| malformed("a key whose own signatures verify"))?;
        }
        let certifies = |s: &&&Signature| s.typ() != Some(SignatureType::CertRevocation);
        let newest = own.iter().filter(certifies).max_by_key(|s| created(s));
        if let Some(newest) = newest {
            self.learn(newest, primary.created_at());
        }
        Ok(!own.is_empty())
    }

    /// A subkey: its revocations and its newest binding are kept.
    fn of_subkey(
        (packet, key): (&Packet<'_>, PublicSubkey),
        signed: &Signed<'_>,
        primary: &PublicKey,
        out: &mut Vec<u8>,
    ) -> Result<Self, RefusedEntry> {
        for (_, signature) in signed {
            let verified = signature.verify_subkey_binding(primary, &key);
            verified.map_err(|_| malformed("a key whose own signatures verify"))?;
        }
        let (revocations, bindings): (Vec<_>, Vec<_>) = signed
            .iter()
            .partition(|(_, signature)| signature.typ() == Some(SignatureType::SubkeyRevocation));
        // The first of several that are equally new.
        let newest = bindings
            .iter()
            .rev()
            .max_by_key(|(_, signature)| created(signature));
        let (binding, signature) = newest.ok_or_else(|| malformed("a subkey that is bound"))?;
        revocations.iter().for_each(|(packet, _)| packet.push(out));
        binding.push(out);
        let mut signer = Self::new(SignerKey::Sub(key.clone()));
        signer.revoked = !revocations.is_empty();
        signer.learn(signature, key.created_at());
        signer.signs &= verifies(&key, packet);
        if signer.signs {
            let back = signature.embedded_signature();
            let verifies =
                back.is_some_and(|s| s.verify_primary_key_binding(&key, primary).is_ok());
            signer.signs = verifies;
        }
        Ok(signer)
    }

    fn is_issuer_of(&self, signature: &Signature) -> bool {
        self.signs
            && match &self.key {
                SignerKey::Primary(key) => is_by(signature, key),
                SignerKey::Sub(key) => is_by(signature, key),
            }
    }

    /// A key that was valid when it signed, and a digest that is not weak.
    fn verify(&self, content: &[u8], signature: &Signature) -> Result<(), RefusedEntry> {
        let strong = matches!(
            signature.hash_alg(),
            Some(HashAlgorithm::Sha256 | HashAlgorithm::Sha384 | HashAlgorithm::Sha512)
        );
        let kind = matches!(
            signature.typ(),
            Some(SignatureType::Binary | SignatureType::Text)
        );
        if !strong || !kind {
            return Err(malformed(
                "a signature of data over sha256, sha384 or sha512",
            ));
        }
        let expired = self.expires.is_some_and(|end| end <= created(signature));
        if self.revoked || expired {
            return Err(malformed(
                "a key that is neither revoked nor expired when it signed",
            ));
        }
        match &self.key {
            SignerKey::Primary(key) => verify(key, signature, content),
            SignerKey::Sub(key) => verify(key, signature, content),
        }
    }
}

fn verify(
    key: &impl VerifyingKey,
    signature: &Signature,
    content: &[u8],
) -> Result<(), RefusedEntry> {
    signature.verify(key, content).map_err(|_| UNVERIFIED)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_taken_apart() {
        for (name, expected) in [
            ("A B (c <d@e>) <a@b.test>", Some("a@b.test")),
            ("<a@b.test>", Some("a@b.test")),
            ("A <a@b.test", Some("a@b.test")),
            ("A <a@b.test> <c@d.test>", Some("a@b.test")),
            (" a@b.test ", Some("a@b.test")),
            ("a@b.test (c)", Some("a@b.test")),
            ("a@b.test <>", Some("a@b.test")),
            ("A (a@b.test", None),
            ("A <a b@c.test>", None),
            ("A", None),
            ("", None),
        ] {
            assert_eq!(address(name).as_deref(), expected, "{name:?}");
        }
    }
}
