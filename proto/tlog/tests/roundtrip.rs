//! `encode(parse(b)) == b` whenever `parse` accepts `b`, over valid inputs that were then mutated, and
//! agreement with two older implementations on what is acceptable.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use ed25519_dalek::SigningKey;
use proptest::prelude::*;
use treering_tlog::checkpoint::{Checkpoint, CheckpointError, Origin};
use treering_tlog::cosignature;
use treering_tlog::entry_bundle::{self, EntryBundle};
use treering_tlog::note::{KeyName, NoteSignature, NoteSigner, SignedNote, VerifierKey};
use treering_tlog::proof_file::TlogProof;
use treering_tlog::size::{DecimalError, MAX};
use treering_tlog::tile::{HashTile, Tile, Width};
use treering_tlog::{Hash, LeafIndex, TreeSize};

/// One edit of some bytes.
#[derive(Debug, Clone)]
enum Edit {
    Set(prop::sample::Index, u8),
    Insert(prop::sample::Index, u8),
    Remove(prop::sample::Index),
    /// Repeats what follows a place, up to some length.
    Repeat(prop::sample::Index, usize),
    Cut(prop::sample::Index),
}

/// Bytes that matter to some grammar here, more often than others.
fn byte() -> impl Strategy<Value = u8> {
    prop_oneof![
        prop::sample::select(b"\n\r\0\t +-=/xp.05699AZaz_\xe2\x80\x94".as_slice()),
        any::<u8>()
    ]
}

fn edit() -> impl Strategy<Value = Edit> {
    let place = any::<prop::sample::Index>;
    prop_oneof![
        4 => (place(), byte()).prop_map(|(at, byte)| Edit::Set(at, byte)),
        4 => (place(), byte()).prop_map(|(at, byte)| Edit::Insert(at, byte)),
        2 => place().prop_map(Edit::Remove),
        1 => (place(), 1..80usize).prop_map(|(at, len)| Edit::Repeat(at, len)),
        1 => place().prop_map(Edit::Cut),
    ]
}

fn edits() -> impl Strategy<Value = Vec<Edit>> {
    prop::collection::vec(edit(), 0..4)
}

fn mutate(mut bytes: Vec<u8>, edits: &[Edit]) -> Vec<u8> {
    for edit in edits {
        let len = bytes.len();
        match edit {
            Edit::Insert(at, byte) => bytes.insert(at.index(len + 1), *byte),
            _ if len == 0 => (),
            Edit::Set(at, byte) => bytes[at.index(len)] = *byte,
            Edit::Remove(at) => drop(bytes.drain(at.index(len)..=at.index(len))),
            Edit::Repeat(at, count) => {
                let start = at.index(len);
                let part = bytes[start..len.min(start + count)].to_vec();
                bytes.splice(start..start, part);
            }
            Edit::Cut(at) => bytes.truncate(at.index(len)),
        }
    }
    bytes
}

/// A mutated text; none if it is no UTF-8 any more.
fn mutate_text(text: &str, edits: &[Edit]) -> Option<String> {
    String::from_utf8(mutate(text.as_bytes().to_vec(), edits)).ok()
}

fn hash() -> impl Strategy<Value = Hash> {
    any::<[u8; 32]>().prop_map(Hash::new)
}

/// Numbers of every length, and the ends.
fn number() -> impl Strategy<Value = u64> {
    prop_oneof![
        (any::<u64>(), 1..64u32).prop_map(|(value, shift)| value >> shift),
        prop::sample::select(vec![
            0,
            1,
            999,
            1000,
            999_999,
            1_000_000,
            i64::MAX.unsigned_abs()
        ]),
    ]
}

fn width() -> impl Strategy<Value = Width> {
    (1..=256u16).prop_map(|width| Width::new(width).unwrap())
}

fn tile_path() -> impl Strategy<Value = String> {
    (0..9u8, number(), width(), any::<bool>()).prop_map(|(level, index, width, entries)| {
        if entries {
            Tile::Entries { index, width }.path()
        } else {
            Tile::Hash {
                level: level * level,
                index,
                width,
            }
            .path()
        }
    })
}

fn signer(seed: u8) -> NoteSigner {
    let name = KeyName::new(format!("log{seed}.test/ä")).unwrap();
    NoteSigner::new(name, SigningKey::from_bytes(&[seed; 32])).unwrap()
}

fn checkpoint_text() -> impl Strategy<Value = String> {
    let line = "[ -~ä]{1,20}";
    (line, number(), hash(), prop::collection::vec(line, 0..3)).prop_map(
        |(origin, size, root, extensions)| {
            let (origin, size) = (Origin::new(origin).unwrap(), TreeSize::new(size).unwrap());
            Checkpoint {
                origin,
                size,
                root,
                extensions,
            }
            .encode()
        },
    )
}

fn signed_note() -> impl Strategy<Value = String> {
    let signers = prop::collection::vec((0..3u8, any::<bool>()), 1..4);
    (checkpoint_text(), signers).prop_map(|(text, signers)| {
        let lines = signers.iter().map(|(seed, cosigns)| {
            let key = SigningKey::from_bytes(&[*seed; 32]);
            let name = KeyName::new("witness.test").unwrap();
            if *cosigns {
                format!(
                    "{}\n",
                    cosignature::sign(&key, &name, 1 + u64::from(*seed), &text).unwrap()
                )
            } else {
                signer(*seed).signature_line(&text)
            }
        });
        format!("{text}\n{}", lines.collect::<String>())
    })
}

fn vkey() -> impl Strategy<Value = String> {
    let unknown =
        (5..=255u8, prop::collection::vec(any::<u8>(), 0..80)).prop_map(|(kind, material)| {
            let bytes = [&[kind], material.as_slice()].concat();
            format!(
                "some+01ab0203+{}",
                base64::Engine::encode(&base64::engine::general_purpose::STANDARD, bytes)
            )
        });
    let known = (any::<u8>(), any::<bool>()).prop_map(|(seed, witness)| {
        let log = signer(seed).verifier().clone();
        let public = log.material().try_into().unwrap();
        if witness {
            VerifierKey::cosignature_v1(log.name().clone(), public).unwrap()
        } else {
            log
        }
        .to_string()
    });
    prop_oneof![unknown, known]
}

fn proof_file() -> impl Strategy<Value = String> {
    let extra = prop::option::of(prop::collection::vec(any::<u8>(), 0..40));
    let hashes = prop::collection::vec(hash(), 0..5);
    (extra, number(), hashes, signed_note()).prop_map(|(extra, index, hashes, checkpoint)| {
        let index = LeafIndex::new(index).unwrap();
        TlogProof {
            extra,
            index,
            hashes,
            checkpoint,
        }
        .encode()
    })
}

/// A path as the older implementation has it; none if it would panic (a level above 63, a width of zero)
/// or if the path has a name that only it knows.
fn theirs_path(path: &str) -> Option<String> {
    let (kind, rest) = path.strip_prefix("tile/")?.split_once('/')?;
    let zero = |width: &str| width.parse() == Ok(0u32);
    let panics =
        kind.parse().is_ok_and(|level: u8| level > 63) || rest.rsplit('/').next().is_some_and(zero);
    match kind {
        "entries" if !panics => Some(format!("tile/8/data/{rest}")),
        _ if !panics && kind != "data" => Some(format!("tile/8/{kind}/{rest}")),
        _ => None,
    }
}

/// Parsing what no edit touched must succeed; else there would be nothing to compare.
macro_rules! check {
    ($edits:expr, $parsed:expr, $encoded:expr, $input:expr) => {
        match $parsed {
            Ok(value) => prop_assert_eq!(&$encoded(&value), &$input),
            Err(error) => prop_assert!(!$edits.is_empty(), "{}", error),
        }
    };
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1024) })]

    #[test]
    fn decimals(value in number(), edits in edits()) {
        if let Some(text) = mutate_text(&value.to_string(), &edits) {
            check!(edits, text.parse::<TreeSize>(), ToString::to_string, text);
            check!(edits, text.parse::<LeafIndex>(), ToString::to_string, text);
        }
    }

    #[test]
    fn hashes(hash in hash(), edits in edits()) {
        if let Some(text) = mutate_text(&hash.to_base64(), &edits) {
            check!(edits, Hash::from_base64(&text), Hash::to_base64, text);
        }
        if let Some(text) = mutate_text(&hash.to_hex(), &edits) {
            check!(edits, Hash::from_hex(&text), Hash::to_hex, text);
        }
    }

    #[test]
    fn tile_paths(path in tile_path(), edits in edits()) {
        if let Some(path) = mutate_text(&path, &edits) {
            match Tile::parse(&path) {
                Ok(tile) => prop_assert_eq!(tile.path(), path),
                Err(error) => {
                    let beyond = matches!(error, treering_tlog::tile::TileError::IndexTooLarge { .. });
                    let level = matches!(error, treering_tlog::tile::TileError::Level);
                    prop_assert!(beyond || level || !edits.is_empty(), "{}: {}", path, error);
                }
            }
        }
    }

    #[test]
    fn entry_bundles(leaves in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..20), 1..6), edits in edits()) {
        let width = Width::new(u16::try_from(leaves.len()).unwrap()).unwrap();
        let bundle = entry_bundle::encode(leaves.iter().map(Vec::as_slice)).unwrap();
        let bytes = mutate(bundle, &edits);
        check!(edits, EntryBundle::parse(&bytes, width), EntryBundle::encode, bytes);
    }

    #[test]
    fn hash_tiles(hashes in prop::collection::vec(hash(), 1..20), edits in edits()) {
        let width = Width::new(u16::try_from(hashes.len()).unwrap()).unwrap();
        let bytes = mutate(HashTile::new(hashes).unwrap().encode(), &edits);
        check!(edits, HashTile::parse(&bytes, width), HashTile::encode, bytes);
    }

    #[test]
    fn vkeys(vkey in vkey(), edits in edits()) {
        if let Some(vkey) = mutate_text(&vkey, &edits) {
            check!(edits, VerifierKey::parse(&vkey), ToString::to_string, vkey);
        }
    }

    #[test]
    fn checkpoints(text in checkpoint_text(), edits in edits()) {
        if let Some(text) = mutate_text(&text, &edits) {
            check!(edits, Checkpoint::parse(&text), Checkpoint::encode, text);
        }
    }

    #[test]
    fn signature_lines(note in signed_note(), edits in edits()) {
        let line = note.lines().last().unwrap();
        if let Some(line) = mutate_text(line, &edits) {
            check!(edits, NoteSignature::parse(&line), ToString::to_string, line);
        }
    }

    #[test]
    fn proof_files(file in proof_file(), edits in edits()) {
        let bytes = mutate(file.into_bytes(), &edits);
        check!(edits, TlogProof::parse(&bytes), |proof: &TlogProof| proof.encode().into_bytes(), bytes);
    }

    /// Go's rules, as ported to Rust by others. Ours are narrower in three ways only: names and notes have
    /// a length, and a note has its text.
    #[test]
    fn notes(note in signed_note(), edits in edits()) {
        let bytes = mutate(note.into_bytes(), &edits);
        let theirs = signed_note::Note::from_bytes(&bytes);
        match SignedNote::parse(&bytes) {
            Ok(note) => {
                prop_assert_eq!(note.encode().into_bytes(), bytes.clone());
                let theirs = theirs.unwrap();
                prop_assert_eq!(theirs.text(), note.text().as_bytes());
                prop_assert_eq!(theirs.to_bytes(), bytes);
            }
            Err(error) => {
                prop_assert!(!edits.is_empty(), "{}", error);
                prop_assert!(theirs.is_err(), "{}: {:?}", error, String::from_utf8_lossy(&bytes));
            }
        }
    }

    #[test]
    fn note_verdicts(note in signed_note(), edits in edits(), known in prop::collection::btree_set(0..3u8, 1..3)) {
        let bytes = mutate(note.into_bytes(), &edits);
        if let Ok(note) = SignedNote::parse(&bytes) {
            let keys: Vec<_> = known.iter().map(|seed| signer(*seed).verifier().clone()).collect();
            let list = keys.iter().map(|key| signed_note::StandardVerifier::new(&key.to_string()).unwrap());
            let list = signed_note::VerifierList::new(list.map(|key| Box::new(key) as Box<_>).collect());
            let theirs = signed_note::Note::from_bytes(&bytes).unwrap();
            let theirs = theirs.verify(&list).map(|(good, _)| good.len());
            prop_assert_eq!(note.verify(&keys).map(|good| good.signatures().len()).ok(), theirs.ok());
        }
    }

    #[test]
    fn checkpoint_verdicts(text in checkpoint_text(), edits in edits()) {
        let Some(text) = mutate_text(&text, &edits) else { return Ok(()) };
        let theirs = tlog_tiles::Checkpoint::from_bytes(text.as_bytes());
        match Checkpoint::parse(&text) {
            Ok(ours) => {
                let theirs = theirs.unwrap();
                prop_assert_eq!((theirs.origin(), theirs.size()), (ours.origin.as_str(), ours.size.get()));
                prop_assert_eq!(&theirs.hash().0, ours.root.as_bytes());
                prop_assert_eq!(theirs.extension().lines().count(), ours.extensions.len());
            }
            // Ours alone refuses control characters (of which no note has any) and sizes above 2^63 - 1.
            Err(error) => {
                let control = text.bytes().any(|byte| byte < 0x20 && byte != b'\n');
                let large = error == CheckpointError::Size(DecimalError::TooLarge { limit: MAX });
                prop_assert!(theirs.is_err() || control || large, "{}: {:?}", error, text);
            }
        }
    }

    /// Theirs writes the height into the path and has another name for bundles.
    #[test]
    fn tile_path_verdicts(path in tile_path(), edits in edits()) {
        let Some(path) = mutate_text(&path, &edits) else { return Ok(()) };
        let Some(rest) = theirs_path(&path) else { return Ok(()) };
        let theirs = tlog_tiles::Tile::from_path(&rest);
        if let Ok(ours) = Tile::parse(&path) {
            let theirs = theirs.unwrap();
            prop_assert_eq!(theirs.level_index(), ours.index());
            prop_assert_eq!(theirs.width(), u32::from(ours.width().get()));
        } else if let Ok(theirs) = theirs {
            // Ours has no tile that no tree of at most 2^63 - 1 leaves can have.
            let height = 8 * (u32::from(theirs.level()) + 1);
            let first = u128::from(theirs.level_index()).checked_shl(height.min(100)).unwrap();
            prop_assert!(theirs.level() > 63 || first > u128::from(i64::MAX.unsigned_abs()), "{}", path);
        }
    }
}
