//! Rekor v1 by its API.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use p256::ecdsa::signature::Signer as _;
use p256::ecdsa::{Signature, SigningKey};
use p256::pkcs8::EncodePublicKey as _;
use parking_lot::Mutex;
use treering_client::evidence::Proof;
use treering_monitor::follow::{Clocks, Follow as _, Pass, Reach, RekorV1, Shared};
use treering_monitor::judge::Limits;
use treering_monitor::metrics::Metrics;
use treering_monitor::source::{Answer, FetchLimits, Fetcher, Request, Transport, Trouble};
use treering_rekor::v1::wire::{InclusionProof, LogEntryAnon, LogInfo, Shard, Verification};
use treering_rekor::v1::{LogKey, Tree, TreeId};
use treering_tlog::{CompactRange, Growth, Hash, LeafIndex};

use crate::support::World;

const HOST: &str = "rekor.example.org";

/// A Rekor v1 server: the last shard is the active one.
struct Api {
    key: SigningKey,
    shards: Mutex<Vec<Vec<Vec<u8>>>>,
    /// Leaves that are served otherwise than they were signed, by their index over all shards.
    changed: Mutex<BTreeMap<u64, Vec<u8>>>,
}

impl Api {
    fn new(size: u64) -> Self {
        let api = Self {
            key: SigningKey::from_slice(&[7; 32]).unwrap(),
            shards: Mutex::new(vec![Vec::new()]),
            changed: Mutex::default(),
        };
        api.grow(size);
        api
    }

    fn grow(&self, entries: u64) {
        let mut shards = self.shards.lock();
        let number = shards.len();
        let shard = shards.last_mut().unwrap();
        for _ in 0..entries {
            shard.push(format!("leaf {} of {number}", shard.len()).into_bytes());
        }
    }

    fn rotate(&self) {
        self.shards.lock().push(Vec::new());
    }

    fn log_key(&self) -> LogKey {
        let spki = self.key.verifying_key().to_public_key_der().unwrap();
        LogKey::from_spki_der(spki.as_bytes()).unwrap()
    }

    fn tree(&self, shard: usize) -> Tree {
        let id = TreeId::new(1_193_050_959_916_656_506 + i64::try_from(shard).unwrap()).unwrap();
        Tree::new(&self.log_key(), HOST, id).unwrap()
    }

    fn growth(leaves: &[Vec<u8>]) -> Growth {
        let hashes = leaves.iter().map(|leaf| Hash::leaf(leaf));
        Growth::new(&CompactRange::new(), hashes)
    }

    fn checkpoint(&self, shard: usize, growth: &Growth) -> String {
        let sign = |text: &[u8]| {
            let signature: Signature = self.key.sign(text);
            Ok::<_, std::convert::Infallible>(signature.to_der().as_bytes().to_vec())
        };
        let tree = self.tree(shard);
        tree.checkpoint(growth.new_size(), growth.root(), sign)
            .unwrap()
    }

    fn info(&self) -> LogInfo {
        let shards = self.shards.lock();
        let mut states: Vec<Shard> = shards
            .iter()
            .enumerate()
            .map(|(at, leaves)| {
                let growth = Self::growth(leaves);
                let note = self.checkpoint(at, &growth);
                Shard::new(
                    self.tree(at).id(),
                    leaves.len() as u64,
                    &growth.root(),
                    note,
                )
            })
            .collect();
        let active = states.pop().unwrap();
        LogInfo {
            inactive_shards: states,
            active,
        }
    }

    fn entry(&self, index: u64, states: &[(Growth, String)]) -> Option<LogEntryAnon> {
        let shards = self.shards.lock();
        let mut local = index;
        let (at, leaves) = shards.iter().enumerate().find(|(_, leaves)| {
            let here = local < leaves.len() as u64;
            local -= if here { 0 } else { leaves.len() as u64 };
            here
        })?;
        let (growth, note) = &states[at];
        let proof = growth.prove(LeafIndex::new(local)?)?;
        let leaf = self.changed.lock().get(&index).cloned();
        let leaf = leaf.unwrap_or_else(|| leaves[usize::try_from(local).unwrap()].clone());
        let mut entry = LogEntryAnon::new(&leaf, 1, self.log_key().log_id(), index);
        entry.verification = Some(Verification {
            inclusion_proof: InclusionProof {
                checkpoint: note.clone(),
                hashes: proof.hashes.iter().map(Hash::to_hex).collect(),
                log_index: local,
                root_hash: growth.root().to_hex(),
                tree_size: leaves.len() as u64,
            },
            signed_entry_timestamp: STANDARD.encode("not looked at"),
        });
        Some(entry)
    }

    fn answer(&self, path: &str, body: Option<&[u8]>) -> Vec<u8> {
        if path == "/api/v1/log" {
            return serde_json::to_vec(&self.info()).unwrap();
        }
        assert_eq!(path, "/api/v1/log/entries/retrieve");
        let asked: serde_json::Value = serde_json::from_slice(body.unwrap()).unwrap();
        let indexes = asked["logIndexes"].as_array().unwrap();
        assert!(indexes.len() <= 10);
        let states: Vec<(Growth, String)> = {
            let shards = self.shards.lock();
            let states = shards.iter().enumerate().map(|(at, leaves)| {
                let growth = Self::growth(leaves);
                let note = self.checkpoint(at, &growth);
                (growth, note)
            });
            states.collect()
        };
        let entries = indexes.iter().filter_map(|index| {
            let index = index.as_u64().unwrap();
            let entry = self.entry(index, &states)?;
            Some(BTreeMap::from([(format!("{index:080}"), entry)]))
        });
        serde_json::to_vec(&entries.collect::<Vec<_>>()).unwrap()
    }
}

struct Wire(Arc<Api>);

#[async_trait]
impl Transport for Wire {
    async fn send(&self, request: Request) -> Result<Answer, Trouble> {
        let body = self.0.answer(request.url.path(), request.body.as_deref());
        Ok(Answer {
            status: 200,
            media_type: Some("application/json".to_owned()),
            body: body.into(),
            ..Answer::default()
        })
    }
}

#[tokio::test]
async fn a_policy_holds_for_these_logs_too() {
    use treering_monitor::evil::witness_key;
    use treering_tlog::policy::Policy;
    let (mut world, api) = (World::new(0), Arc::new(Api::new(40)));
    let key = witness_key("w.example.org", 5);
    let policy = format!("witness w {key}\nquorum w\n");
    world.policy = Some(Policy::parse(policy.as_bytes()).unwrap());
    let after = pass(&world, &api).await;
    assert!(after.row.size.is_empty());
    assert_eq!(world.kinds(), ["log-unreachable"]);
    world.wait(world.persistence());
    pass(&world, &api).await;
    world.evidence("witness-quorum-lost");
}

fn start(world: &World, api: &Arc<Api>, first: Option<u64>) -> RekorV1 {
    let clock = Arc::clone(&world.clock);
    let shared = Shared {
        state: Arc::new(world.open().unwrap()),
        clock: clock.clone(),
        limits: Limits::default(),
        policy: world.policy.clone().map(Arc::new),
        examiner: Arc::clone(&world.examiner),
        clocks: Arc::new(Clocks::default()),
        metrics: Arc::new(Metrics::new()),
    };
    let wire = Arc::new(Wire(Arc::clone(api)));
    let fetcher = Arc::new(Fetcher::new(wire, clock, FetchLimits::default()));
    let keys = vec![api.tree(0).verifier().clone()];
    let base = format!("https://{HOST}").parse().unwrap();
    RekorV1::new(shared, fetcher, base, keys, first).unwrap()
}

async fn pass(world: &World, api: &Arc<Api>) -> Pass {
    start(world, api, None).pass(Reach::Head).await.unwrap()
}

#[tokio::test]
async fn the_tail_is_followed_and_nothing_before_it() {
    for begin in [0, 1, 7, 64, 100] {
        let (world, api) = (World::new(0), Arc::new(Api::new(begin)));
        let first = pass(&world, &api).await;
        assert_eq!((first.row.first, first.row.cursor), (begin, begin));
        for grow in [1, 3, 25, 60] {
            api.grow(grow);
            let before = api.shards.lock()[0].len() as u64;
            let pass = pass(&world, &api).await;
            assert_eq!((pass.row.cursor, pass.row.size.get()), (before, before));
            assert_eq!(world.kinds(), Vec::<String>::new(), "{begin} {grow}");
        }
    }
}

#[tokio::test]
async fn an_entry_that_is_not_the_signed_one_is_caught_before_the_cursor_moves() {
    for place in [100, 113, 129] {
        let (world, api) = (World::new(0), Arc::new(Api::new(100)));
        pass(&world, &api).await;
        api.grow(30);
        api.changed.lock().insert(place, b"another".to_vec());
        let after = pass(&world, &api).await;
        assert_eq!(after.row.cursor, 100);
        let (_, verdict) = world.evidence("log-content-mismatch");
        assert_eq!(verdict.proof, Proof::R);
        api.changed.lock().clear();
        assert_eq!(pass(&world, &api).await.row.cursor, 130);
    }
}

#[tokio::test]
async fn two_roots_for_a_size_are_a_fork_and_a_smaller_tree_is_a_rollback_once_it_lasts() {
    let (world, api) = (World::new(0), Arc::new(Api::new(40)));
    pass(&world, &api).await;
    api.shards.lock()[0][3] = b"another".to_vec();
    pass(&world, &api).await;
    let (_, verdict) = world.evidence("log-fork");
    assert_eq!(verdict.proof, Proof::T);

    let (world, api) = (World::new(0), Arc::new(Api::new(40)));
    pass(&world, &api).await;
    api.shards.lock()[0].truncate(30);
    pass(&world, &api).await;
    assert_eq!(world.kinds(), ["stale-cache"]);
    world.wait(world.persistence());
    pass(&world, &api).await;
    world.evidence("log-rollback");
}

#[tokio::test]
async fn history_that_was_rewritten_is_caught_when_the_log_grows() {
    let (world, api) = (World::new(0), Arc::new(Api::new(40)));
    pass(&world, &api).await;
    api.grow(5);
    pass(&world, &api).await;
    api.shards.lock()[0][3] = b"another".to_vec();
    api.grow(5);
    let after = pass(&world, &api).await;
    assert_eq!((after.row.cursor, after.row.size.get()), (45, 45));
    world.evidence("log-content-mismatch");
}

#[tokio::test]
async fn a_shard_is_drained_before_its_successor_is_begun() {
    let (world, api) = (World::new(0), Arc::new(Api::new(40)));
    pass(&world, &api).await;
    api.grow(15);
    api.rotate();
    api.grow(8);
    // A hole in the old shard: the new one waits.
    api.changed.lock().insert(50, b"another".to_vec());
    let held = pass(&world, &api).await;
    assert_eq!((held.row.cursor, held.row.done), (40, false));
    api.changed.lock().clear();
    let after = pass(&world, &api).await;
    assert!(after.row.origin.ends_with("507"), "{after:?}");
    let logs = world.open().unwrap().logs().unwrap();
    let old = logs.iter().find(|row| row.origin.ends_with("506")).unwrap();
    assert_eq!((old.cursor, old.size.get(), old.done), (55, 55, true));
    // The old shard grows after it ended.
    api.shards.lock()[0].push(b"late".to_vec());
    pass(&world, &api).await;
    assert!(world.kinds().contains(&"log-grew-after-final".to_owned()));
}

#[tokio::test]
async fn what_was_before_is_read_on_demand() {
    let (world, api) = (World::new(0), Arc::new(Api::new(2_100)));
    pass(&world, &api).await;
    api.grow(10);
    let log = start(&world, &api, None);
    let done = log.backfill(&|_, _| {}).await.unwrap();
    assert_eq!((done.row.first, done.row.cursor), (0, 2_110));
    let again = log.rescan(&|_, _| {}).await.unwrap();
    assert_eq!(again.row.cursor, 2_110);
    drop(log);
    assert_eq!(world.kinds(), Vec::<String>::new());
}

#[test]
fn the_program_takes_an_api_by_its_address_and_a_trusted_root() {
    use axum::body::Bytes;
    use axum::http::Uri;
    let served = crate::served::Served::new();
    let api = Arc::new(Api::new(20));
    let answering = Arc::clone(&api);
    let answer = move |uri: Uri, body: Bytes| {
        let answering = Arc::clone(&answering);
        async move { answering.answer(uri.path(), Some(&body)) }
    };
    let router = axum::Router::new().fallback(answer);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0");
    let listener = served.runtime.block_on(listener).unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    served
        .runtime
        .spawn(async move { axum::serve(listener, router).await });
    let key = api.log_key();
    let root = serde_json::json!({
        "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
        "tlogs": [{
            "baseUrl": base, "hashAlgorithm": "SHA2_256",
            "publicKey": {"rawBytes": STANDARD.encode(key.spki_der()), "keyDetails": "PKIX_ECDSA_P256_SHA_256"},
            "logId": {"keyId": STANDARD.encode(Hash::of(key.spki_der()).as_bytes())},
        }],
    });
    let root = served.file("trusted_root.json", root.to_string().as_bytes());
    let (state, url) = (served.state(), format!("{base}/api/v1"));
    let args = [
        "once",
        "--log",
        &url,
        "--trusted-root",
        root.to_str().unwrap(),
        "-o",
        "jsonl",
        "--state",
    ];
    let once = || crate::served::run(&[&args[..], &[state.to_str().unwrap()]].concat());
    let ran = once();
    assert_eq!((ran.code, &ran.lines[0]["to"]), (0, &20.into()), "{ran:?}");
    api.grow(5);
    let ran = once();
    assert_eq!((ran.code, &ran.lines[0]["to"]), (0, &25.into()), "{ran:?}");
    let origin = ran.lines[0]["origin"].as_str().unwrap();
    assert_eq!(origin, format!("{HOST} - 1193050959916656506"));
}
