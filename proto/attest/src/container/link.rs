//! Links in in-toto's first signed format: `signed` and `signatures`, the signatures over `signed` in canonical JSON.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::canonical;
use super::error::ItemError;
use super::item::{Content, Item, ItemSignature, Kind};
use crate::json;
use crate::limits::{MAX_KEYID, MAX_SIGNATURE, MAX_SIGNATURES};

const LINK: &str = "an in-toto link with its signatures";

pub(super) fn item(bytes: &[u8]) -> Result<Item<'_>, ItemError> {
    let json: LinkJson<'_> = json::parse(bytes).map_err(ItemError::shape(LINK))?;
    let signed = json.signed.get();
    let head: HeadJson = json::parse(signed.as_bytes()).map_err(ItemError::shape(LINK))?;
    if !head.type_.eq_ignore_ascii_case("link") {
        let type_: String = head.type_.chars().take(64).collect();
        let found = format!("_type {type_:?}");
        return Err(ItemError::shape(LINK)(found));
    }
    canonical::encode(signed).map_err(ItemError::shape("a link in canonical json"))?;
    ItemError::within("signatures", json.signatures.len(), 0, MAX_SIGNATURES)?;
    Ok(Item {
        signatures: json
            .signatures
            .into_iter()
            .map(signature)
            .collect::<Result<_, _>>()?,
        ..Item::new(Kind::Link, bytes, Content::Link(signed))
    })
}

fn signature(json: SignatureJson) -> Result<ItemSignature, ItemError> {
    ItemError::within("bytes of keyid", json.keyid.len(), 0, MAX_KEYID)?;
    ItemError::within("bytes of signature", json.sig.len() / 2, 1, MAX_SIGNATURE)?;
    let signature = hex::decode(&json.sig).map_err(|error| ItemError::Hex {
        part: "sig",
        found: error.to_string(),
    })?;
    Ok(ItemSignature {
        signature,
        hint: json.keyid,
        ..ItemSignature::default()
    })
}

#[derive(Deserialize)]
struct LinkJson<'a> {
    #[serde(borrow)]
    signed: &'a RawValue,
    signatures: Vec<SignatureJson>,
}

#[derive(Deserialize)]
struct SignatureJson {
    #[serde(default)]
    keyid: String,
    sig: String,
}

#[derive(Deserialize)]
struct HeadJson {
    #[serde(rename = "_type")]
    type_: String,
}
