//! What others computed: every answer here comes from another implementation or from a live log.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use std::fs;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::SigningKey;
use serde::Deserialize;
use serde_json::Value;
use treering_tlog::checkpoint::{self, Opened};
use treering_tlog::cosignature;
use treering_tlog::entry_bundle::EntryBundle;
use treering_tlog::merkle::subtree::Subtree;
use treering_tlog::merkle::{self, ProofError, consistency, inclusion};
use treering_tlog::note::{KeyName, SignedNote, VerifierKey};
use treering_tlog::tile::{HashTile, Tile, TileNodes, Width};
use treering_tlog::witness::{self, AddCheckpoint};
use treering_tlog::{CompactRange, ConsistencyProof, Hash, InclusionProof, LeafIndex, TreeSize};

const LOG_KEY: &str =
    "example.com/log/testdata+33d7b496+AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx";

fn folder(set: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/vectors")
        .join(set)
}

fn size(leaves: usize) -> TreeSize {
    TreeSize::new(u64::try_from(leaves).unwrap()).unwrap()
}

fn index(position: usize) -> LeafIndex {
    LeafIndex::new(u64::try_from(position).unwrap()).unwrap()
}

/// Every JSON file below a folder, sorted.
fn json_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.extension() {
            _ if path.is_dir() => files.extend(json_files(&path)),
            Some(extension) if extension == "json" => files.push(path),
            _ => (),
        }
    }
    files.sort();
    files
}

fn hash(base64: &str) -> Option<Hash> {
    Hash::from_base64(base64).ok()
}

/// Some consistency probes have a text of another length ("don't care") for a root that does not matter. It
/// gets a hash of its own, so that equal ones stay equal and no other hash is equal to it.
fn root_or_stand_in(base64: &str) -> Hash {
    let stand_in = || Hash::of(&[b"not a hash: ", base64.as_bytes()].concat());
    hash(base64).unwrap_or_else(stand_in)
}

fn hashes(base64: Option<&[String]>) -> Option<Vec<Hash>> {
    base64
        .unwrap_or_default()
        .iter()
        .map(|text| hash(text))
        .collect()
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct InclusionProbe {
    leaf_idx: u64,
    #[serde(default)]
    start: u64,
    #[serde(alias = "treeSize")]
    end: u64,
    root: String,
    leaf_hash: String,
    proof: Option<Vec<String>>,
    #[serde(rename = "desc")]
    _desc: String,
    want_err: bool,
}

impl InclusionProbe {
    /// `None` where the types already refuse what the probe says.
    fn tree(&self) -> Option<Result<(), ProofError>> {
        let (index, size) = (LeafIndex::new(self.leaf_idx)?, TreeSize::new(self.end)?);
        let proof = InclusionProof {
            index,
            size,
            hashes: hashes(self.proof.as_deref())?,
        };
        Some(proof.verify(&hash(&self.leaf_hash)?, &hash(&self.root)?))
    }

    fn subtree(&self) -> Option<Result<(), ProofError>> {
        let subtree = Subtree::new(LeafIndex::new(self.start)?, TreeSize::new(self.end)?).ok()?;
        let (index, proof) = (
            LeafIndex::new(self.leaf_idx)?,
            hashes(self.proof.as_deref())?,
        );
        Some(subtree.verify_inclusion(index, &proof, &hash(&self.leaf_hash)?, &hash(&self.root)?))
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ConsistencyProbe {
    #[serde(default)]
    start: u64,
    #[serde(alias = "size1")]
    end: u64,
    #[serde(alias = "size2")]
    size: u64,
    root1: String,
    root2: String,
    proof: Option<Vec<String>>,
    desc: String,
    #[serde(rename = "wantErr")]
    want_err: bool,
}

impl ConsistencyProbe {
    fn proof(&self) -> Option<(ConsistencyProof, Hash, Hash)> {
        let (from, to) = (TreeSize::new(self.end)?, TreeSize::new(self.size)?);
        let proof = ConsistencyProof {
            from,
            to,
            hashes: hashes(self.proof.as_deref())?,
        };
        Some((
            proof,
            root_or_stand_in(&self.root1),
            root_or_stand_in(&self.root2),
        ))
    }

    fn tree(&self) -> Option<Result<(), ProofError>> {
        let (proof, old, new) = self.proof()?;
        Some(proof.verify_rfc9162(&old, &new))
    }

    fn subtree(&self) -> Option<Result<(), ProofError>> {
        let subtree = Subtree::new(LeafIndex::new(self.start)?, TreeSize::new(self.end)?).ok()?;
        let (proof, old, new) = self.proof()?;
        Some(subtree.verify_consistency(proof.to, &proof.hashes, &old, &new))
    }
}

/// Runs every probe of a folder; how many there were, good and bad.
fn probes<P: for<'a> Deserialize<'a>>(
    set: &str,
    run: impl Fn(&P) -> (bool, bool),
) -> (usize, usize) {
    let (mut good, mut bad) = (0, 0);
    for path in json_files(&folder("merkle-vectors").join(set)) {
        let probe: P = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        let (accepted, want_err) = run(&probe);
        assert_eq!(accepted, !want_err, "{}", path.display());
        if want_err { bad += 1 } else { good += 1 }
    }
    (good, bad)
}

fn accepted(result: Option<Result<(), ProofError>>) -> bool {
    result.is_some_and(|result| result.is_ok())
}

#[test]
fn all_518_merkle_probes_are_judged_alike() {
    let counts = [
        probes("inclusion", |probe: &InclusionProbe| {
            (accepted(probe.tree()), probe.want_err)
        }),
        probes("subtreeinclusion", |probe: &InclusionProbe| {
            (accepted(probe.subtree()), probe.want_err)
        }),
        probes("consistency", |probe: &ConsistencyProbe| {
            (accepted(probe.tree()), probe.want_err)
        }),
        probes("subtreeconsistency", |probe: &ConsistencyProbe| {
            (accepted(probe.subtree()), probe.want_err)
        }),
    ];
    assert_eq!(counts.map(|(good, bad)| good + bad), [98, 204, 98, 118]);
    assert_eq!(
        counts.iter().map(|(good, bad)| good + bad).sum::<usize>(),
        518
    );
    assert!(
        counts.iter().all(|(good, bad)| *good > 0 && *bad > *good),
        "{counts:?}"
    );
}

#[test]
fn growth_from_the_empty_tree_is_where_witnesses_and_the_rfc_differ() {
    let mut differing = Vec::new();
    for path in json_files(&folder("merkle-vectors/consistency")) {
        let probe: ConsistencyProbe = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        let witness = probe
            .proof()
            .map(|(proof, old, new)| proof.verify(&old, &new));
        if accepted(witness) != accepted(probe.tree()) {
            differing.push(probe.desc);
        }
    }
    assert_eq!(differing, ["size1 is zero and size2 is not zero"]);
}

fn read_log(path: &str) -> Vec<u8> {
    fs::read(folder("tile-log").join(path)).unwrap()
}

fn open_log(size: usize) -> Opened {
    let key = VerifierKey::parse(LOG_KEY).unwrap();
    checkpoint::open(&read_log(&format!("checkpoint.{size}")), &key).unwrap()
}

fn log_tile(
    level: u8,
    index: u64,
    width: Width,
) -> Result<HashTile, treering_tlog::tile::HashTileError> {
    HashTile::parse(
        &read_log(
            &Tile::Hash {
                level,
                index,
                width,
            }
            .path(),
        ),
        width,
    )
}

#[test]
fn a_recorded_tile_log_rebuilds_from_its_entries() {
    for leaves in 0..=15u16 {
        let opened = open_log(leaves.into());
        let checkpoint = opened.checkpoint();
        assert_eq!(checkpoint.origin.as_str(), "example.com/log/testdata");
        assert_eq!(
            opened.text().as_bytes(),
            read_log(&format!("checkpoint.{leaves}"))
        );
        assert_eq!(checkpoint.size.get(), u64::from(leaves));
        let mut range = CompactRange::new();
        if let Some(width) = Width::new(leaves) {
            let bytes = read_log(&Tile::Entries { index: 0, width }.path());
            let bundle = EntryBundle::parse(&bytes, width).unwrap();
            let tile = log_tile(0, 0, width).unwrap();
            assert_eq!(
                (tile.root(), bundle.encode()),
                (checkpoint.root, bytes.clone())
            );
            for (leaf, expected) in bundle.leaves().zip(tile.hashes()) {
                assert_eq!(Hash::leaf(leaf), *expected);
                range.append(Hash::leaf(leaf));
            }
        }
        assert_eq!(range.root(), checkpoint.root, "{leaves} leaves");
    }
    let roots = [7, 15].map(|leaves| open_log(leaves).checkpoint().root.to_base64());
    let expected = [
        "IrSXADBqJ7EQoUODSDKROySgNveeL6CFhik2w/+fS7U=",
        "rKbDipCvhuX1GZ7g5BBe8sA6BbJ7ja/1nk427v383cs=",
    ];
    assert_eq!(roots, expected);
}

#[test]
fn a_recorded_tile_log_proves_every_leaf_and_every_growth() {
    let roots: Vec<Hash> = (0..=15)
        .map(|leaves| open_log(leaves).checkpoint().root)
        .collect();
    let full = log_tile(0, 0, Width::new(15).unwrap()).unwrap();
    for to in 0..=15usize {
        let tiles = TileNodes::new(size(to), log_tile);
        assert_eq!(merkle::root(size(to), &tiles), Ok(roots[to]));
        for (position, leaf) in full.hashes().iter().enumerate().take(to) {
            let proof = inclusion::prove(index(position), size(to), &tiles).unwrap();
            assert_eq!(proof.verify(leaf, &roots[to]), Ok(()));
            assert_eq!(tiles_path(to, position), proof.hashes);
        }
        for from in 0..=to {
            let proof = consistency::prove(size(from), size(to), &tiles).unwrap();
            assert_eq!(proof.verify(&roots[from], &roots[to]), Ok(()));
        }
    }
}

/// The way to the root as the single tile of a small log has it.
fn tiles_path(leaves: usize, position: usize) -> Vec<Hash> {
    let width = Width::new(u16::try_from(leaves).unwrap()).unwrap();
    log_tile(0, 0, width).unwrap().path(position).unwrap()
}

#[test]
fn a_published_path_of_the_tile_log() {
    let tiles = TileNodes::new(size(15), log_tile);
    let proof = inclusion::prove(index(4), size(15), &tiles).unwrap();
    let expected = [
        "yiM+eia4w1wsk/Ukx7kF56IQVkDW3MWUaUz/VtJu+yU=",
        "nk9gCR+floFqznAPtqjjcnnV64dge2jQB95D5t164Hg=",
        "zY1lN35vrXYAPixXSd59LsU29xUJtuW4o2dNNg5Y2Co=",
        "5jLpqTgjsBDSEX6SgZiRnbTMdTuRd8bQ5tSsAOxe0Ks=",
    ];
    assert_eq!(
        proof.hashes.iter().map(Hash::to_base64).collect::<Vec<_>>(),
        expected
    );
    let leaf = "ccc29ae0e02a77b0f4578c1ac17493d79cf4262104929ac804f91fc4e7ac5af0";
    assert_eq!(Hash::leaf(b"five").to_hex(), leaf);
    proof
        .verify(&Hash::leaf(b"five"), &open_log(15).checkpoint().root)
        .unwrap();
}

#[test]
fn the_reference_tree_of_eight_leaves() {
    let inputs = [
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    ];
    let mut range = CompactRange::new();
    for input in inputs {
        range.append(Hash::leaf(&hex::decode(input).unwrap()));
    }
    let expected = "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328";
    assert_eq!(range.root().to_hex(), expected);
}

#[test]
fn a_cosignature_that_three_other_implementations_accept() {
    let opened = open_log(15);
    let mut seed = [0; 32];
    seed[0] = 7;
    let (key, name) = (
        SigningKey::from_bytes(&seed),
        KeyName::new("witness.test/w1").unwrap(),
    );
    let signature = cosignature::sign(&key, &name, 1_767_139_200, opened.note().text()).unwrap();
    let expected = "— witness.test/w1 NqLlXQAAAABpVGeACdJKtwScEwmRDQXNgYdKbbdOsr1zXiHQJ0udqFatCpmjkgQzbTGa8Q8BI8s51+dmY4nhjBK5TuFLi7/++kSACg==";
    assert_eq!(signature.to_string(), expected);
    let vkey = "witness.test/w1+36a2e55d+BKL6L0o1W6LpB6UwCenjfK3fesfmagi6B2MfVTBys/JM";
    let witness = VerifierKey::parse(vkey).unwrap();
    let public = key.verifying_key().to_bytes();
    assert_eq!(
        VerifierKey::cosignature_v1(name, public)
            .unwrap()
            .to_string(),
        vkey
    );
    let cosigned = format!("{}{signature}\n", opened.text());
    let note = SignedNote::parse(cosigned.as_bytes()).unwrap();
    let keys = [VerifierKey::parse(LOG_KEY).unwrap(), witness];
    let times: Vec<_> = note
        .verify(&keys)
        .unwrap()
        .signatures()
        .iter()
        .map(|s| s.timestamp)
        .collect();
    assert_eq!(times, [None, Some(1_767_139_200)]);
}

#[test]
fn published_keys_have_their_published_ids() {
    for vkey in [
        "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
        "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        LOG_KEY,
    ] {
        assert_eq!(VerifierKey::parse(vkey).unwrap().to_string(), vkey);
    }
    // C2SP's Ed25519 example, read as another type, has another id.
    let as_witness = "example.com/foo+530d903a+BOkyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";
    assert!(VerifierKey::parse(as_witness).is_err());
}

#[test]
fn a_live_rekor_log_of_75_million_leaves() {
    let read = |name: &str| fs::read(folder("rekor-v1-checkpoint").join(name)).unwrap();
    let name = KeyName::new("rekor.sigstore.dev").unwrap();
    let key = VerifierKey::ecdsa(name, &read("key.spki.der")).unwrap();
    assert_eq!(
        hex::encode(key.full_id()),
        "c0d23d6ad406973f9559f3ba2d1ca01f84147d8ffc5b8445c224f98b9591801d"
    );
    assert_eq!(VerifierKey::parse(&key.to_string()).as_ref(), Ok(&key));
    let opened = checkpoint::open(&read("checkpoint"), &key).unwrap();
    assert_eq!(opened.text().as_bytes(), read("checkpoint"));

    let proof: Value = serde_json::from_slice(&read("inclusion.json")).unwrap();
    let hashes = proof["hashes"].as_array().unwrap();
    let proof_of = |field: &str| proof[field].as_str().unwrap();
    let inclusion = InclusionProof {
        index: proof_of("logIndex").parse().unwrap(),
        size: proof_of("treeSize").parse().unwrap(),
        hashes: hashes
            .iter()
            .map(|hash| Hash::from_base64(hash.as_str().unwrap()).unwrap())
            .collect(),
    };
    let body = STANDARD.decode(proof_of("canonicalizedBody"));
    assert_eq!(inclusion.size, opened.checkpoint().size);
    inclusion
        .verify(&Hash::leaf(&body.unwrap()), &opened.checkpoint().root)
        .unwrap();
}

#[test]
fn the_examples_of_the_witness_protocol_are_read() {
    let read = |name: &str| fs::read(folder("tlog-witness").join(name)).unwrap();
    let request = AddCheckpoint::parse(&read("request")).unwrap();
    assert_eq!((request.old.get(), request.proof.len()), (20_852_014, 4));
    assert_eq!(request.encode().as_bytes(), read("request"));
    let note = SignedNote::parse(request.checkpoint.as_bytes()).unwrap();
    assert!(
        note.text()
            .starts_with("example.com/behind-the-sofa\n20852163\n")
    );
    let cosignatures = witness::parse_cosignatures(&read("answer")).unwrap();
    let names: Vec<&str> = cosignatures
        .iter()
        .map(|line| line.name().as_str())
        .collect();
    assert_eq!(
        names,
        [
            "witness.example/w1",
            "witness.example/w1",
            "witness.example/w2"
        ]
    );
    // As the specification suggests: behind the checkpoint they are a note.
    let whole = request.checkpoint + &witness::encode_cosignatures(&cosignatures);
    assert_eq!(
        SignedNote::parse(whole.as_bytes())
            .unwrap()
            .signatures()
            .len(),
        5
    );
}
