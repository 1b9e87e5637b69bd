//! Which keys Archivista's door knows, and when an upload is a statement that is logged already.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use bytes::Bytes;
use http::StatusCode;
use serde_json::json;
use treering_tlog::Hash;

use super::archivista_support::{
    Key, STATEMENT, download, downloaded, encoded_again, envelope, gitoid, intoto, leaf, log_dsse,
    log_entry, log_size, metric, start, start_with, statement, upload, uploaded,
};
use super::support::Running;

#[tokio::test(flavor = "multi_thread")]
async fn a_contradicted_signature_is_refused_with_the_name_of_the_key() {
    let (key, other) = (Key::new(3), Key::new(4));
    let server = start().await;
    key.introduce(&server).await;
    let forged = json!({"keyid": key.openssh(), "sig": other.sign(STATEMENT, "a")});
    let unknown = other.signature(STATEMENT, "a", &other.openssh());
    for signatures in [vec![forged.clone()], vec![unknown, forged]] {
        let position = signatures.len() - 1;
        let answer = upload(&server, &envelope(STATEMENT, "a", &signatures)).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST);
        let text = std::str::from_utf8(&answer.body).unwrap();
        for part in [
            key.openssh(),
            hex::encode(key.aliases().spki),
            format!("signatures[{position}]"),
        ] {
            assert!(text.contains(&part), "{text}");
        }
    }
    assert!(server.stop().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_key_of_any_entry_is_known_by_every_alias() {
    let key = Key::new(3);
    let server = start().await;
    key.introduce(&server).await;
    let mut key_ids = vec![key.openssh()];
    for digest in key.aliases().digests() {
        key_ids.push(hex::encode(digest));
        key_ids.push(STANDARD.encode(digest));
        key_ids.push(STANDARD_NO_PAD.encode(digest));
    }
    for (number, key_id) in key_ids.iter().enumerate() {
        let payload = statement(key_id);
        let signature = key.signature(STATEMENT, &payload, key_id);
        let envelope = envelope(STATEMENT, &payload, &[signature]);
        let gitoid = uploaded(&server, &envelope).await;
        let index = u64::try_from(number).unwrap() + 1;
        let leaf = leaf(&server, index).await;
        assert_eq!(leaf["kind"], "dsse", "{key_id}");
        assert_eq!(
            leaf["spec"]["envelopeHash"]["value"],
            Hash::of(&envelope).to_hex()
        );
        assert_eq!(downloaded(&server, &gitoid).await, (envelope, false));
    }
    // No key id and free text are no ways to a key of an entry, whoever else may use such a name.
    for key_id in ["", "release key"] {
        let signature = key.signature(STATEMENT, "unnamed", key_id);
        let envelope = envelope(STATEMENT, "unnamed", &[signature]);
        let gitoid = uploaded(&server, &envelope).await;
        assert_eq!(downloaded(&server, &gitoid).await, (envelope, true));
    }
    assert!(server.stop().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_of_the_settings_are_known_by_any_key_id_or_none() {
    let (listed, named) = (Key::new(3), Key::new(4));
    let prepare = |dir: &Path| {
        std::fs::write(dir.join("listed.pem"), listed.pem()).unwrap();
        std::fs::write(dir.join("named.pem"), named.pem()).unwrap();
        let settings = "\n[archivista]\nkeys = [\"listed.pem\"]\n[[archivista.key]]\nfile = \"named.pem\"\nkey_ids = [\"awskms:///alias/a\"]\n";
        let path = dir.join("treering.toml");
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, text.replace("\n[archivista]\n", settings)).unwrap();
    };
    let server = Running::start_prepared(&[], prepare).await;
    let server = super::archivista_support::with_log(server).await;
    for (number, (key, key_id)) in [
        (&listed, String::new()),
        (&listed, "awskms:///alias/b".to_owned()),
        (&listed, listed.openssh()),
        (&listed, hex::encode([9; 32])),
        (&named, "awskms:///alias/a".to_owned()),
        // Others may use that name too.
        (&listed, "awskms:///alias/a".to_owned()),
    ]
    .into_iter()
    .enumerate()
    {
        let payload = statement(&number.to_string());
        let signature = key.signature(STATEMENT, &payload, &key_id);
        let envelope = envelope(STATEMENT, &payload, &[signature]);
        let gitoid = uploaded(&server, &envelope).await;
        assert_eq!(
            downloaded(&server, &gitoid).await,
            (envelope, false),
            "{key_id}"
        );
    }
    assert_eq!(log_size(&server).await, 6);
    let forged = json!({"keyid": listed.openssh(), "sig": named.sign(STATEMENT, "a")});
    let answer = upload(&server, &envelope(STATEMENT, "a", &[forged])).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert!(server.stop().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_file_that_is_none_is_told_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("log");
    let options = super::support::options("http://localhost:3000");
    treering_server::init::init(&dir, options, super::support::clock())
        .await
        .unwrap();
    for (content, message) in [
        (None, "No such file"),
        (Some("no key"), "expected the der or pem of a public key"),
    ] {
        if let Some(content) = content {
            std::fs::write(dir.join("k.pem"), content).unwrap();
        }
        let config = super::support::config(&dir, &[("TREERING_SERVER_ARCHIVISTA_KEYS", "k.pem")]);
        let metrics = std::sync::Arc::new(treering_server::metrics::Metrics::new());
        let started =
            treering_server::serve::Server::start(&dir, config, metrics, super::support::clock());
        let error = started.await.err().unwrap().to_string();
        assert!(
            error.contains("k.pem") && error.contains(message),
            "{error}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_keys_may_be_refused() {
    let server = start_with(&[("TREERING_SERVER_ARCHIVISTA_UNKNOWN_KEYS", "refuse")]).await;
    let key = Key::new(3);
    let envelope = key.envelope("a");
    let answer = upload(&server, &envelope).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert!(
        std::str::from_utf8(&answer.body)
            .unwrap()
            .contains(&key.openssh())
    );
    assert_eq!(
        download(&server, &gitoid(&envelope)).await.status,
        StatusCode::NOT_FOUND
    );
    let long = key.signature(STATEMENT, "b", &"long".repeat(10_000));
    let answer = upload(&server, &self::envelope(STATEMENT, "b", &[long])).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert!(answer.body.len() < 500, "{:?}", answer.body);
    key.introduce(&server).await;
    uploaded(&server, &envelope).await;
    assert!(server.stop().await);
}

/// The same envelope with so many spaces behind it.
fn spaced(envelope: &Bytes, spaces: usize) -> Bytes {
    [envelope, " ".repeat(spaces).as_bytes()].concat().into()
}

#[tokio::test(flavor = "multi_thread")]
async fn spellings_that_arrive_together_are_one_entry() {
    let (server, key) = (start().await, Key::new(3));
    key.introduce(&server).await;
    let original = key.envelope(&statement("together"));
    let spellings: Vec<Bytes> = (0..8).map(|spaces| spaced(&original, spaces)).collect();
    let uploads = spellings.iter().map(|spelling| uploaded(&server, spelling));
    let gitoids = futures_util::future::join_all(uploads).await;
    for (gitoid, spelling) in gitoids.iter().zip(spellings) {
        assert_eq!(downloaded(&server, gitoid).await, (spelling, false));
    }
    assert_eq!(log_size(&server).await, 2, "and the introduction");
    let joined = metric(&server, "treering_archivista_joined_total ").await;
    assert_eq!(joined, 7);
    assert!(server.stop().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn spellings_of_one_entry_are_bounded() {
    let (server, key) = (start().await, Key::new(3));
    key.introduce(&server).await;
    let original = key.envelope(&statement("spelled"));
    for spaces in 0..64 {
        uploaded(&server, &spaced(&original, spaces)).await;
    }
    let more = spaced(&original, 64);
    let answer = upload(&server, &more).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    let text = std::str::from_utf8(&answer.body).unwrap();
    let expected = "expected at most 64 encodings of one signed statement";
    assert!(text.starts_with(expected), "{text}");
    let answer = download(&server, &gitoid(&more)).await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    uploaded(&server, &spaced(&original, 63)).await;
    assert_eq!(log_size(&server).await, 2, "and the introduction");
    assert!(server.stop().await);
}

/// Whatever kind of entry holds the statement, another spelling of it is no second one.
#[tokio::test(flavor = "multi_thread")]
async fn another_spelling_of_a_logged_statement_is_attached() {
    for kind in ["dsse", "0.0.1", "0.0.2"] {
        let (server, key) = (start().await, Key::new(3));
        let original = key.envelope(&statement(kind));
        let answer = match kind {
            "dsse" => log_dsse(&server, &original, &[&key]).await,
            version => log_entry(&server, intoto(version, &original, &key).to_string()).await,
        };
        assert_eq!(
            answer.status,
            StatusCode::CREATED,
            "{kind}: {:?}",
            answer.body
        );
        let again = encoded_again(&original);
        let gitoid = uploaded(&server, &again).await;
        assert_eq!(downloaded(&server, &gitoid).await, (again, false));
        assert_eq!(log_size(&server).await, 1, "{kind}");
        assert_eq!(
            metric(&server, "treering_archivista_joined_total ").await,
            1
        );
        // Another signature of the same key over the same payload is another statement.
        let payload = statement(kind);
        let other = Key::new(4).signature(STATEMENT, &payload, "");
        let both = [key.signature(STATEMENT, &payload, &key.openssh()), other];
        uploaded(&server, &envelope(STATEMENT, &payload, &both)).await;
        assert_eq!(log_size(&server).await, 1, "one equal signature is enough");
        assert!(server.stop().await);
    }
}

/// Each signature of a leaf is verified by the key beside it, in whatever order an upload has them.
#[tokio::test(flavor = "multi_thread")]
async fn one_of_many_signatures_in_any_order_is_enough() {
    let server = start().await;
    let keys: Vec<Key> = (3..11).map(Key::new).collect();
    let payload = statement("many");
    let mut signatures: Vec<_> = keys
        .iter()
        .map(|key| key.signature(STATEMENT, &payload, &key.openssh()))
        .collect();
    let original = envelope(STATEMENT, &payload, &signatures);
    let all: Vec<&Key> = keys.iter().collect();
    let answer = log_dsse(&server, &original, &all).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{:?}", answer.body);
    signatures.reverse();
    let reversed = envelope(STATEMENT, &payload, &signatures);
    let each = signatures
        .chunks(1)
        .map(|one| envelope(STATEMENT, &payload, one));
    for again in each.chain([reversed]) {
        let gitoid = uploaded(&server, &again).await;
        assert_eq!(downloaded(&server, &gitoid).await, (again, false));
    }
    assert_eq!(log_size(&server).await, 1);
    assert!(server.stop().await);
}

/// The type is signed too: an equal payload and signature under another type is nobody's statement.
#[tokio::test(flavor = "multi_thread")]
async fn another_type_of_payload_is_not_attached() {
    let (server, key) = (start().await, Key::new(3));
    let signature = key.signature(STATEMENT, "a", "");
    let original = envelope(STATEMENT, "a", std::slice::from_ref(&signature));
    let answer = log_dsse(&server, &original, &[&key]).await;
    assert_eq!(answer.status, StatusCode::CREATED);
    let other = envelope("text/plain", "a", &[signature]);
    let gitoid = uploaded(&server, &other).await;
    assert_eq!(
        downloaded(&server, &gitoid).await,
        (other, true),
        "held, not attached"
    );
    assert!(server.stop().await);
}
