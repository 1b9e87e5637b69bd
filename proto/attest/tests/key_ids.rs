//! Key ids, held to those that other programs have written and to what OpenSSH and OpenSSL say of the same keys.
#![expect(clippy::unwrap_used, reason = "what tests share panics as tests do")]

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use serde::Deserialize;
use treering_attest::{KeyAliases, PublicKey};

#[derive(Deserialize)]
struct Vectors {
    real: Vec<Real>,
    made: Vec<Made>,
}

#[derive(Deserialize)]
struct Real {
    name: String,
    pem: String,
    keyid: String,
}

#[derive(Deserialize)]
struct Made {
    name: String,
    spki: String,
    sha256: String,
    openssh: String,
    pem: String,
    tuf: String,
}

fn vectors() -> Vectors {
    serde_json::from_str(include_str!("vectors/key-ids/key-ids.json")).unwrap()
}

#[test]
fn key_ids_that_were_seen_stand_for_their_keys() {
    for real in vectors().real {
        let key = PublicKey::from_pem_or_der(real.pem.as_bytes()).unwrap();
        let digest = KeyAliases::parse_key_id(&real.keyid).unwrap();
        assert!(KeyAliases::of(&key).contains(&digest), "{}", real.name);
    }
}

#[test]
fn every_form_of_every_algorithm_is_the_one_that_others_compute() {
    let made = vectors().made;
    assert_eq!(
        made.len(),
        7,
        "ECDSA on three curves, Ed25519, three sizes of RSA"
    );
    for made in made {
        let spki = STANDARD.decode(&made.spki).unwrap();
        let aliases = KeyAliases::of(&PublicKey::from_spki_der(&spki).unwrap());
        assert_eq!(hex::encode(aliases.spki), made.sha256, "{}", made.name);
        assert_eq!(hex::encode(aliases.pem), made.pem, "{}", made.name);
        assert_eq!(hex::encode(aliases.tuf), made.tuf, "{}", made.name);
        let openssh = format!("SHA256:{}", STANDARD_NO_PAD.encode(aliases.ssh));
        assert_eq!(openssh, made.openssh, "{}", made.name);
        for digest in aliases.digests() {
            for text in [
                hex::encode(digest),
                hex::encode_upper(digest),
                STANDARD.encode(digest),
                STANDARD_NO_PAD.encode(digest),
                format!("SHA256:{}", STANDARD_NO_PAD.encode(digest)),
            ] {
                assert_eq!(KeyAliases::parse_key_id(&text), Some(digest), "{text}");
            }
        }
    }
}

#[test]
fn free_text_stands_for_nothing() {
    let hex = "b5".repeat(32);
    for text in [
        "",
        "keystore://76574:prod:key",
        "awskms:///alias/a",
        &hex[1..],
        &format!("{hex}0"),
        &format!("sha256:{hex}"),
        &format!("SHA256:{hex}"),
        &"g".repeat(64),
        &"!".repeat(43),
        &"é".repeat(32),
        // 44 characters of 33 bytes, and 43 whose last bits are stray.
        &"A".repeat(44),
        &"/".repeat(43),
    ] {
        assert_eq!(KeyAliases::parse_key_id(text), None, "{text}");
    }
}
