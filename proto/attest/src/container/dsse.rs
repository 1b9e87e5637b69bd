//! DSSE envelopes by themselves, with the certificates and time-stamp tokens of the witness dialect.

use super::error::ItemError;
use super::item::{Content, Item, ItemSignature, Kind};
use crate::envelope::{Envelope, EnvelopeSignature};

pub(super) fn item(bytes: &[u8]) -> Result<Item<'_>, ItemError> {
    let envelope = Envelope::parse(bytes)?;
    let signatures = envelope.signatures().iter().map(signature).collect();
    Ok(Item {
        signatures,
        ..Item::new(Kind::Dsse, bytes, Content::Envelope(envelope))
    })
}

fn signature(signature: &EnvelopeSignature) -> ItemSignature {
    let certificates = signature.certificate.iter().chain(&signature.intermediates);
    ItemSignature {
        signature: signature.sig.clone(),
        hint: signature.keyid.clone(),
        certificates: certificates.cloned().collect(),
        timestamps: signature.timestamps.clone(),
    }
}
