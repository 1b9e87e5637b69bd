//! How what is held becomes an entry, whichever comes first, and what becomes of it otherwise.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{Request, StatusCode};
use serde_json::json;
use treering_server::app::Change;
use treering_server::clock::{Clock, SystemClock};
use treering_server::metrics::Metrics;
use treering_server::serve::Server;
use treering_storage::record::EnvelopeRef;
use treering_storage::rocks::{RocksOptions, RocksStore};
use treering_storage::{Attached, Documents as _, Gitoid, Held, LogId};
use treering_tlog::{Hash, LeafIndex};

use super::admin::name;
use super::archivista_support::{
    Key, STATEMENT, UNVERIFIED, download, downloaded, encoded_again, envelope, gitoid, grown_to,
    intoto, leaf, log_dsse, log_entry, metric, new_log, promoted, start, start_with, statement,
    until, uploaded, with_log,
};
use super::support::Running;

const HELD: &str = "treering_archivista_held_envelopes ";
const PROMOTED: &str = "treering_archivista_promoted_total ";

async fn held(server: &Running) -> u64 {
    metric(server, HELD).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_becomes_known_promotes_what_waited_for_it() {
    let (server, key, other) = (start().await, Key::new(3), Key::new(4));
    let large = key.envelope(&statement(&"x".repeat(300_000)));
    let envelopes = [key.envelope(&statement("a")), large];
    let stranger = other.envelope(&statement("b"));
    for envelope in envelopes.iter().chain([&stranger]) {
        uploaded(&server, envelope).await;
    }
    assert_eq!(held(&server).await, 3);
    key.introduce(&server).await;
    for envelope in &envelopes {
        promoted(&server, envelope).await;
        let path = format!("/v1/envelopes/{}", Hash::of(envelope));
        let answer = server.get(&path).await;
        assert_eq!((answer.status, &answer.body), (StatusCode::OK, envelope));
        assert!(answer.headers.get(UNVERIFIED).is_none());
    }
    grown_to(&server, 3).await;
    let kinds = [leaf(&server, 1).await, leaf(&server, 2).await];
    assert!(kinds.iter().all(|leaf| leaf["kind"] == "dsse"), "{kinds:?}");
    until(async || held(&server).await == 1).await;
    assert_eq!(metric(&server, PROMOTED).await, 2);
    let (bytes, unverified) = downloaded(&server, &gitoid(&stranger)).await;
    assert_eq!((bytes, unverified), (stranger, true));
    assert!(server.stop().await);
}

/// Chains of before 0.29: storage first, then Rekor, in another spelling.
#[tokio::test(flavor = "multi_thread")]
async fn an_entry_of_the_same_statement_takes_in_what_was_held() {
    for version in ["0.0.1", "0.0.2", "dsse"] {
        let (server, key) = (start().await, Key::new(3));
        let original = key.envelope(&statement(version));
        let again = encoded_again(&original);
        uploaded(&server, &again).await;
        uploaded(&server, &original).await;
        let answer = match version {
            "dsse" => log_dsse(&server, &original, &[&key]).await,
            version => log_entry(&server, intoto(version, &original, &key).to_string()).await,
        };
        assert_eq!(
            answer.status,
            StatusCode::CREATED,
            "{version}: {:?}",
            answer.body
        );
        promoted(&server, &again).await;
        promoted(&server, &original).await;
        until(async || held(&server).await == 0).await;
        grown_to(&server, 1).await;
        assert!(server.stop().await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_envelope_of_several_signatures_waits_for_all_keys() {
    let (server, first, second) = (start().await, Key::new(3), Key::new(4));
    let payload = statement("both");
    let signatures =
        [&first, &second].map(|key| key.signature(STATEMENT, &payload, &key.openssh()));
    let both = envelope(STATEMENT, &payload, &signatures);
    uploaded(&server, &both).await;
    first.introduce(&server).await;
    // An envelope of the first key that follows it is promoted after it would have been.
    let third = Key::new(5);
    let marker = third.envelope("marker");
    uploaded(&server, &marker).await;
    third.introduce(&server).await;
    promoted(&server, &marker).await;
    assert!(
        downloaded(&server, &gitoid(&both)).await.1,
        "one key is missing"
    );
    second.introduce(&server).await;
    promoted(&server, &both).await;
    grown_to(&server, 5).await;
    let leaf = leaf(&server, 4).await;
    assert_eq!(leaf["spec"]["signatures"].as_array().unwrap().len(), 2);
    assert!(server.stop().await);
}

/// A key that its key id names contradicts it: it is never logged, and hinders nobody.
#[tokio::test(flavor = "multi_thread")]
async fn what_its_key_contradicts_stays_unverified() {
    let (server, key, other) = (start().await, Key::new(3), Key::new(4));
    let forged = json!({"keyid": key.openssh(), "sig": other.sign(STATEMENT, "a")});
    let forged = envelope(STATEMENT, "a", &[forged]);
    uploaded(&server, &forged).await;
    let honest = key.envelope(&statement("a"));
    uploaded(&server, &honest).await;
    key.introduce(&server).await;
    promoted(&server, &honest).await;
    assert!(downloaded(&server, &gitoid(&forged)).await.1);
    until(async || held(&server).await == 1).await;
    grown_to(&server, 2).await;
    assert!(server.stop().await);
}

/// Uploads and the entry that makes their key known at the same time, again and again: none is missed.
#[tokio::test(flavor = "multi_thread")]
async fn no_order_of_arrival_misses() {
    let server = start().await;
    for seed in 3..19 {
        let key = Key::new(seed);
        let envelopes: Vec<_> = (0..4)
            .map(|n| key.envelope(&statement(&n.to_string())))
            .collect();
        let uploads = futures_util::future::join_all(
            envelopes.iter().map(|envelope| uploaded(&server, envelope)),
        );
        let ((), gitoids) = tokio::join!(key.introduce(&server), uploads);
        assert_eq!(gitoids.len(), 4);
        for envelope in &envelopes {
            promoted(&server, envelope).await;
        }
    }
    until(async || held(&server).await == 0).await;
    grown_to(&server, 16 * 5).await;
    assert!(server.stop().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_is_added_later_is_followed_too() {
    use treering_server::app::Change;
    let (server, key) = (start().await, Key::new(3));
    let waiting = key.envelope(&statement("a"));
    uploaded(&server, &waiting).await;
    let rotated = Change::Rotate {
        from: name("rekor-v1"),
        to: new_log("rekor-v1-2"),
    };
    server.server.app().change(rotated).await.unwrap();
    key.introduce(&server).await;
    promoted(&server, &waiting).await;
    grown_to(&server, 2).await;
    // The key of an entry of the older log is known in the newer one.
    let third = Change::Rotate {
        from: name("rekor-v1-2"),
        to: new_log("rekor-v1-3"),
    };
    server.server.app().change(third).await.unwrap();
    let later = key.envelope(&statement("b"));
    uploaded(&server, &later).await;
    assert!(!downloaded(&server, &gitoid(&later)).await.1);
    assert!(server.stop().await);
}

fn open(dir: &Path) -> RocksStore {
    let options = RocksOptions {
        reserve_bytes: 0,
        ..RocksOptions::default()
    };
    RocksStore::open(dir, &options).unwrap()
}

fn as_held(envelope: &Bytes, payload: &str, key: &Key) -> (Held, EnvelopeRef) {
    let sha256 = Hash::of(envelope);
    let held = Held {
        gitoid: Gitoid::of(envelope),
        envelope_sha256: sha256,
        len: envelope.len() as u64,
        arrived: SystemClock::new().unix_secs(),
        payload_sha256: Hash::of(payload.as_bytes()),
        key_ids: vec![key.openssh()],
    };
    let body = EnvelopeRef::Inline {
        sha256,
        bytes: envelope.clone(),
    };
    (held, body)
}

/// A crash between: it is held, and what would promote it was logged before or while nobody looked.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_crash_left_held_is_looked_up_at_the_start() {
    let (server, key) = (start().await, Key::new(3));
    key.introduce(&server).await;
    let payload = statement("logged");
    let logged = key.envelope(&payload);
    let answer = log_dsse(&server, &logged, &[&key]).await;
    assert_eq!(answer.status, StatusCode::CREATED);
    let (attachable, loggable) = (encoded_again(&logged), key.envelope("new"));
    let attached = encoded_again(&key.envelope("x"));
    let folder = server.stop_keeping().await;
    {
        let store = open(&folder.path().join("log"));
        for (envelope, payload) in [
            (&attachable, payload.as_str()),
            (&loggable, "new"),
            (&attached, "x"),
        ] {
            let (held, body) = as_held(envelope, payload, &key);
            store.hold(&held, &body).unwrap();
        }
        // This one had got one step further.
        let (held, _) = as_held(&attached, "x", &key);
        let rekor_v1 = LogId(1);
        let document = Attached {
            gitoid: held.gitoid,
            envelope_sha256: held.envelope_sha256,
            log: rekor_v1,
            index: LeafIndex::ZERO,
        };
        store.attach(&document, None).unwrap();
    }
    let server = Running::serve_in(folder).await;
    for envelope in [&attachable, &loggable, &attached] {
        promoted(&server, envelope).await;
    }
    until(async || held(&server).await == 0).await;
    grown_to(&server, 3).await;
    assert_eq!(metric(&server, PROMOTED).await, 2);
    assert!(server.stop().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_added_to_the_settings_promotes_at_the_start() {
    let (server, key) = (start().await, Key::new(3));
    let unnamed = [key.signature(STATEMENT, "a", "")];
    let waiting = envelope(STATEMENT, "a", &unnamed);
    uploaded(&server, &waiting).await;
    let folder = server.stop_keeping().await;
    std::fs::write(folder.path().join("log/k.pem"), key.pem()).unwrap();
    let server = Running::start_in(folder, &[("TREERING_SERVER_ARCHIVISTA_KEYS", "k.pem")]).await;
    promoted(&server, &waiting).await;
    grown_to(&server, 1).await;
    assert!(server.stop().await);
}

/// Its key is known, but no log takes it until one is added.
#[tokio::test(flavor = "multi_thread")]
async fn what_no_log_takes_waits_for_the_next_log() {
    let (server, key) = (start().await, Key::new(3));
    let unnamed = [key.signature(STATEMENT, "a", "")];
    let waiting = envelope(STATEMENT, "a", &unnamed);
    uploaded(&server, &waiting).await;
    let freeze = Change::Freeze {
        name: name("rekor-v1"),
        successor: None,
        mark: false,
    };
    server.server.app().change(freeze).await.unwrap();
    let folder = server.stop_keeping().await;
    std::fs::write(folder.path().join("log/k.pem"), key.pem()).unwrap();
    let server = Running::start_in(folder, &[("TREERING_SERVER_ARCHIVISTA_KEYS", "k.pem")]).await;
    let (_, unverified) = downloaded(&server, &gitoid(&waiting)).await;
    assert!(unverified);
    let add = Change::Add(new_log("next"));
    server.server.app().change(add).await.unwrap();
    promoted(&server, &waiting).await;
    grown_to(&server, 1).await;
    assert!(server.stop().await);
}

/// A clock that tests set forward.
struct SetForward {
    machine: SystemClock,
    secs: AtomicU64,
}

impl SetForward {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            machine: SystemClock::new(),
            secs: AtomicU64::new(0),
        })
    }

    fn by(&self, time: Duration) {
        self.secs.fetch_add(time.as_secs(), Ordering::SeqCst);
    }
}

impl Clock for SetForward {
    fn unix_secs(&self) -> u64 {
        self.machine.unix_secs() + self.secs.load(Ordering::SeqCst)
    }

    fn monotonic(&self) -> Duration {
        self.machine.monotonic()
    }
}

async fn serve_by(clock: &Arc<SetForward>, server: Running) -> Running {
    let clock = Arc::clone(clock) as Arc<dyn Clock>;
    let folder = server.stop_keeping().await;
    let dir = folder.path().join("log");
    let config = super::support::config(&dir, &[]);
    let server = Server::start(&dir, config, Arc::new(Metrics::new()), clock);
    Running::of(server.await.unwrap(), folder)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_held_for_too_long_is_gone() {
    let day = Duration::from_secs(24 * 60 * 60);
    let clock = SetForward::new();
    let (server, key) = (start().await, Key::new(3));
    let server = serve_by(&clock, server).await;
    let large = key.envelope(&statement(&"x".repeat(300_000)));
    let (first, second) = (key.envelope("first"), key.envelope("second"));
    uploaded(&server, &first).await;
    uploaded(&server, &large).await;
    clock.by(day * 4);
    uploaded(&server, &second).await;
    assert_eq!(held(&server).await, 3);
    clock.by(day * 4);
    until(async || held(&server).await == 1).await;
    for gone in [&first, &large] {
        assert_eq!(
            download(&server, &gitoid(gone)).await.status,
            StatusCode::NOT_FOUND
        );
        let path = format!("/v1/envelopes/{}?unverified=true", Hash::of(gone));
        assert_eq!(server.get(&path).await.status, StatusCode::NOT_FOUND);
    }
    assert!(downloaded(&server, &gitoid(&second)).await.1);
    assert_eq!(
        metric(&server, "treering_archivista_expired_total ").await,
        2
    );
    assert_eq!(metric(&server, PROMOTED).await, 0);
    // Its time may be over while no server runs.
    clock.by(day * 4);
    let server = serve_by(&clock, server).await;
    until(async || held(&server).await == 0).await;
    assert_eq!(
        download(&server, &gitoid(&second)).await.status,
        StatusCode::NOT_FOUND
    );
    // Once more it is a new one.
    uploaded(&server, &first).await;
    assert_eq!(held(&server).await, 1);
    assert!(server.stop().await);
}

/// The time that the settings give if they say nothing, to the hour.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_held_stays_for_seven_days() {
    let hour = Duration::from_secs(60 * 60);
    let clock = SetForward::new();
    let server = serve_by(&clock, start().await).await;
    let config = super::support::config(&server.dir(), &[]);
    assert_eq!(config.archivista.hold_for, hour * 24 * 7);
    let (older, newer) = (Key::new(3).envelope("older"), Key::new(3).envelope("newer"));
    uploaded(&server, &older).await;
    clock.by(hour * 2);
    uploaded(&server, &newer).await;
    // That this one has been looked at after 6 days and 23 hours is seen by the other, which goes after 7 days and 1.
    clock.by(hour * (24 * 7 - 1));
    until(async || held(&server).await == 1).await;
    let gone = download(&server, &gitoid(&older)).await;
    assert_eq!(gone.status, StatusCode::NOT_FOUND);
    assert_eq!(
        downloaded(&server, &gitoid(&newer)).await,
        (newer.clone(), true)
    );
    clock.by(hour * 2);
    until(async || held(&server).await == 0).await;
    let gone = download(&server, &gitoid(&newer)).await;
    assert_eq!(gone.status, StatusCode::NOT_FOUND);
    assert!(server.stop().await);
}

/// The ids that a search by a hash finds.
async fn found_by(server: &Running, hash: Hash) -> usize {
    let body = json!({"hash": format!("sha256:{hash}")}).to_string();
    let request = Request::post(format!("{}/api/v1/index/retrieve", server.url()));
    let request = request.header("content-type", "application/json");
    let found = server.send(request, body).await;
    assert_eq!(found.status, StatusCode::OK, "{:?}", found.body);
    found.json().as_array().unwrap().len()
}

/// The entries that the proposal of an envelope finds.
async fn found_as(server: &Running, envelope: &Bytes, key: &Key) -> usize {
    let entry = json!({"apiVersion": "0.0.1", "kind": "dsse", "spec": {"proposedContent": {
        "envelope": std::str::from_utf8(envelope).unwrap(), "verifiers": [STANDARD.encode(key.pem())]}}});
    let body = json!({"entries": [entry]}).to_string();
    let request = Request::post(format!("{}/api/v1/log/entries/retrieve", server.url()));
    let request = request.header("content-type", "application/json");
    let found = server.send(request, body).await;
    assert_eq!(found.status, StatusCode::OK, "{:?}", found.body);
    found.json().as_array().unwrap().len()
}

#[tokio::test(flavor = "multi_thread")]
async fn searches_find_what_is_held_once_it_is_promoted() {
    let (server, key) = (start().await, Key::new(3));
    let payload = statement("subject");
    let waiting = key.envelope(&payload);
    uploaded(&server, &waiting).await;
    assert!(downloaded(&server, &gitoid(&waiting)).await.1);
    let hashes = [
        Hash::of(b"subject"),
        Hash::of(payload.as_bytes()),
        Hash::of(&waiting),
        Hash::of(key.pem().as_bytes()),
    ];
    for hash in hashes {
        assert_eq!(found_by(&server, hash).await, 0, "{hash}");
    }
    assert_eq!(found_as(&server, &waiting, &key).await, 0);
    key.introduce(&server).await;
    promoted(&server, &waiting).await;
    grown_to(&server, 2).await;
    // By the key that is the entry which made it known, too.
    for (hash, count) in hashes.into_iter().zip([1, 1, 1, 2]) {
        assert_eq!(found_by(&server, hash).await, count, "{hash}");
    }
    assert_eq!(found_as(&server, &waiting, &key).await, 1);
    assert!(server.stop().await);
}

/// Nobody follows the logs while nothing is held; what is held then is compared with what comes after it all the same.
#[tokio::test(flavor = "multi_thread")]
async fn the_promoter_rests_and_wakes() {
    let server = start_with(&[("TREERING_SERVER_ARCHIVISTA_HOLD_FOR", "1h")]).await;
    for seed in 3..7 {
        let key = Key::new(seed);
        let waiting = key.envelope(&statement("a"));
        uploaded(&server, &waiting).await;
        assert!(downloaded(&server, &gitoid(&waiting)).await.1);
        key.introduce(&server).await;
        promoted(&server, &waiting).await;
        until(async || held(&server).await == 0).await;
    }
    assert!(server.stop().await);
}

/// A server without a log of Rekor v1 at its start gets one later.
#[tokio::test(flavor = "multi_thread")]
async fn a_first_log_is_enough() {
    let (server, key) = (Running::start().await, Key::new(3));
    let server = with_log(server).await;
    let waiting = key.envelope("a");
    uploaded(&server, &waiting).await;
    key.introduce(&server).await;
    promoted(&server, &waiting).await;
    assert!(server.stop().await);
}
