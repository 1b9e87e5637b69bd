//! What upstream keeps as `attestation.data`: the payloads of intoto entries and the messages of cose, never the payloads of dsse.

use super::base64;
use super::entry::Entry;
use super::envelope::Envelope;

/// Upstream's bound on a payload or message that is kept.
pub const MAX_ATTESTATION: usize = 100 * 1024;

/// The decoded payload of an intoto entry's envelope, the message of a cose entry. None for other kinds, none above `max` bytes (of
/// a payload as upstream counts them: of the base64 text, padding included), and none if the envelope cannot be read.
pub fn attestation(entry: &Entry, envelope: &[u8], max: usize) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(envelope).ok()?;
    match entry {
        Entry::IntotoV001(_) | Entry::IntotoV002(_) => {
            let envelope = Envelope::parse(text).ok()?;
            if envelope.payload.len() / 4 * 3 > max {
                return None;
            }
            base64::standard(&envelope.payload).ok()
        }
        Entry::Cose(_) => base64::standard(text)
            .ok()
            .filter(|message| message.len() <= max),
        Entry::HashedRekord(_)
        | Entry::Dsse(_)
        | Entry::Rekord(_)
        | Entry::Rfc3161(_)
        | Entry::Helm(_)
        | Entry::Tuf(_) => None,
    }
}
