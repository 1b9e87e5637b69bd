//! Sigstore bundles.

use super::error::ItemError;
use super::item::{Content, Item, ItemSignature, Kind};
use crate::bundle::{BundleContent, SigstoreBundle, VerificationMaterial};
use crate::envelope::Envelope;

pub(super) fn item(bytes: &[u8]) -> Result<Item<'_>, ItemError> {
    let bundle = SigstoreBundle::parse(bytes)?;
    let (content, signature, keyid) = match bundle.content() {
        BundleContent::Dsse(raw) => {
            let envelope = Envelope::parse(raw.get().as_bytes())?;
            let [signature] = envelope.signatures() else {
                let found = envelope.signatures().len();
                return Err(ItemError::Limit {
                    part: "signatures in the envelope of a bundle",
                    min: 1,
                    max: 1,
                    found,
                });
            };
            let (bytes, keyid) = (signature.sig.clone(), signature.keyid.clone());
            (Content::Envelope(envelope), bytes, keyid)
        }
        BundleContent::Message(message) => (
            Content::Message(message.clone()),
            message.signature.clone(),
            String::new(),
        ),
    };
    let (hint, certificates) = match bundle.material() {
        VerificationMaterial::Certificates(chain) => (keyid, chain.clone()),
        VerificationMaterial::PublicKeyHint(hint) => (hint.clone(), Vec::new()),
    };
    let signature = ItemSignature {
        signature,
        hint,
        certificates,
        timestamps: bundle.timestamps().to_vec(),
    };
    Ok(Item {
        signatures: vec![signature],
        log_entries: bundle.tlog_entries().to_vec(),
        ..Item::new(Kind::SigstoreBundle(bundle.version()), bytes, content)
    })
}
