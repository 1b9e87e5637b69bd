//! Checking evidence.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use treering_tlog::checkpoint::{self, Checkpoint, CheckpointError};
use treering_tlog::merkle::NodeId;
use treering_tlog::note::{KeyKind, SignedNote, VerifierKey};
use treering_tlog::proof_file::TlogProof;
use treering_tlog::{Hash, TreeSize};

use super::{Evidence, EvidenceError, Proof, cut_at};

/// The most notes that evidence has.
const MAX_NOTES: usize = 16;
/// Kinds whose note is in question because the key did not sign it.
const NOT_SIGNED: [&str; 2] = ["log-key-surprise", "log-origin-surprise"];

/// What was found to hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The kind of finding.
    pub kind: String,
    /// What a stranger can check.
    pub proof: Proof,
    /// What is proven, a sentence each.
    pub proven: Vec<String>,
    /// What is the monitor's claim alone, a sentence each.
    pub claimed: Vec<String>,
}

/// Checks evidence without the network.
///
/// # Errors
/// [`EvidenceError`] if what it should prove does not follow.
pub fn verify(evidence: &Evidence) -> Result<Verdict, EvidenceError> {
    let key =
        VerifierKey::parse(evidence.vkey.trim()).map_err(|e| malformed(format!("vkey: {e}")))?;
    if evidence.notes.len() > MAX_NOTES {
        let found = evidence.notes.len();
        return Err(malformed(format!(
            "expected at most {MAX_NOTES} notes, found {found}"
        )));
    }
    let proven = match evidence.proof {
        Proof::T => vec![transferable(evidence, &key)?],
        Proof::L => vec![logged(evidence, &key)?],
        Proof::R => recorded(evidence, &key)?,
    };
    let claim = &evidence.claim;
    let mut claimed = Vec::new();
    if evidence.proof != Proof::T {
        claimed.push(format!(
            "{}: expected {}, found {} (at {})",
            claim.why, claim.expected, claim.found, claim.source
        ));
    }
    claimed.push(format!(
        "when it was seen: {} ms after 1970 by the monitor's clock",
        claim.observed_at_ms
    ));
    Ok(Verdict {
        kind: evidence.kind.clone(),
        proof: evidence.proof,
        proven,
        claimed,
    })
}

fn malformed(detail: impl Into<String>) -> EvidenceError {
    EvidenceError::Malformed {
        detail: detail.into(),
    }
}

fn unproven(detail: impl Into<String>) -> EvidenceError {
    EvidenceError::Unproven {
        detail: detail.into(),
    }
}

/// Two trees signed by one key that do not go together.
fn transferable(evidence: &Evidence, key: &VerifierKey) -> Result<String, EvidenceError> {
    let Evidence { kind, notes, .. } = evidence;
    if !matches!(kind.as_str(), "log-fork" | "witness-fork") {
        return Err(malformed(format!(
            "expected a kind that signatures alone can prove, found {kind}"
        )));
    }
    let [first, second] = notes.as_slice() else {
        return Err(malformed(format!(
            "expected two notes, found {}",
            notes.len()
        )));
    };
    let (first, second) = (signed(first, key)?, signed(second, key)?);
    if first.origin != second.origin {
        return Err(unproven(format!(
            "expected two checkpoints of one log, found those of {} and {}",
            first.origin, second.origin
        )));
    }
    let (old, new) = if first.size <= second.size {
        (first, second)
    } else {
        (second, first)
    };
    let who = key.name();
    if old.size == new.size {
        if old.root == new.root {
            return Err(unproven(format!("both notes sign root {}", old.root)));
        }
        return Ok(format!(
            "{who} signed two trees of {} leaves for {}: root {} and root {}",
            old.size, old.origin, old.root, new.root
        ));
    }
    let beginning = refuted_beginning(evidence, &old, &new)?;
    Ok(format!(
        "{who} signed root {} for the first {} leaves of {}, and a tree of {} leaves in which their root is {beginning}",
        old.root, old.size, old.origin, new.size
    ))
}

/// The checkpoint of a note that the key signed; a witness's key signs by cosigning.
fn signed(note: &str, key: &VerifierKey) -> Result<Checkpoint, EvidenceError> {
    let wrong = |e: CheckpointError| unproven(format!("a note: {e}"));
    if key.kind() != KeyKind::CosignatureV1 {
        let opened = checkpoint::open(note.as_bytes(), key).map_err(wrong)?;
        return Ok(opened.checkpoint().clone());
    }
    let parsed =
        SignedNote::parse(note.as_bytes()).map_err(|e| unproven(format!("a note: {e}")))?;
    parsed
        .verify(std::slice::from_ref(key))
        .map_err(|e| unproven(format!("a note: {e}")))?;
    Checkpoint::parse(parsed.text()).map_err(wrong)
}

/// Rebuilds both trees from the subtrees, and returns the root that the larger one has where the smaller one ends.
fn refuted_beginning(
    evidence: &Evidence,
    old: &Checkpoint,
    new: &Checkpoint,
) -> Result<Hash, EvidenceError> {
    let ids = cut_at(old.size.get(), new.size.get());
    let given: Vec<NodeId> = evidence
        .nodes
        .iter()
        .map(|node| NodeId {
            level: node.0,
            index: node.1,
        })
        .collect();
    // Exactly these: with any overlap the two roots would not come from one tree.
    if given != ids {
        return Err(malformed(format!(
            "expected the {} subtrees of a tree of {} cut at {}, found {} others",
            ids.len(),
            new.size,
            old.size,
            given.len()
        )));
    }
    let hashes = evidence.nodes.iter().map(|node| Hash::from_hex(&node.2));
    let hashes: Vec<Hash> = hashes
        .collect::<Result<_, _>>()
        .map_err(|e| malformed(format!("a node: {e}")))?;
    let tree: Vec<(NodeId, Hash)> = ids.into_iter().zip(hashes).collect();
    let whole = tree_hash(&tree, 0, new.size)?;
    if whole != new.root {
        return Err(unproven(format!(
            "expected subtrees of the tree with root {}, found those of {whole}",
            new.root
        )));
    }
    let beginning = tree_hash(&tree, 0, old.size)?;
    if beginning == old.root {
        return Err(unproven(format!(
            "the larger tree begins with the smaller one, root {beginning}"
        )));
    }
    Ok(beginning)
}

/// RFC 6962 section 2.1 as it is written, down to the given subtrees.
fn tree_hash(tree: &[(NodeId, Hash)], start: u64, end: TreeSize) -> Result<Hash, EvidenceError> {
    if end.is_empty() {
        return Ok(Hash::empty_root());
    }
    range_hash(tree, start, end.get(), 0)
}

fn range_hash(
    tree: &[(NodeId, Hash)],
    start: u64,
    end: u64,
    depth: u8,
) -> Result<Hash, EvidenceError> {
    let len = end - start;
    let covers = |id: &NodeId| id.index << id.level == start && 1 << id.level == len;
    if let Some((_, hash)) = tree.iter().find(|(id, _)| covers(id)) {
        return Ok(*hash);
    }
    if len < 2 || depth > 64 {
        return Err(malformed(format!("no subtree covers leaf {start}")));
    }
    let left = 1 << (len - 1).ilog2();
    let first = range_hash(tree, start, start + left, depth + 1)?;
    let second = range_hash(tree, start + left, end, depth + 1)?;
    Ok(Hash::node(&first, &second))
}

/// An entry that is in the log.
fn logged(evidence: &Evidence, key: &VerifierKey) -> Result<String, EvidenceError> {
    let absent = |what: &str| malformed(format!("expected {what}, found none"));
    let entry = evidence.entry.as_ref().ok_or_else(|| absent("an entry"))?;
    let leaf = STANDARD
        .decode(entry)
        .map_err(|e| malformed(format!("entry: {e}")))?;
    let proof = evidence
        .tlog_proof
        .as_ref()
        .ok_or_else(|| absent("its proof"))?;
    let proof = TlogProof::parse(proof.as_bytes()).map_err(|e| malformed(e.to_string()))?;
    let opened = proof
        .verify(&Hash::leaf(&leaf), key)
        .map_err(|e| unproven(e.to_string()))?;
    Ok(format!(
        "the entry is number {} of {}, in the tree of {} leaves that {} signed",
        proof.index,
        opened.checkpoint().origin,
        opened.checkpoint().size,
        key.name()
    ))
}

/// What can be checked of an observation: who signed the notes, and that bodies are what their digests say.
fn recorded(evidence: &Evidence, key: &VerifierKey) -> Result<Vec<String>, EvidenceError> {
    let mut proven = Vec::new();
    for note in &evidence.notes {
        let opened = checkpoint::open(note.as_bytes(), key);
        match opened {
            Ok(opened) => proven.push(format!(
                "{} signed the tree of {} leaves with root {} for {}",
                key.name(),
                opened.checkpoint().size,
                opened.checkpoint().root,
                opened.checkpoint().origin
            )),
            Err(error) if NOT_SIGNED.contains(&evidence.kind.as_str()) => {
                proven.push(format!("a note is not {}'s: {error}", key.name()));
            }
            Err(error) => return Err(unproven(format!("a note: {error}"))),
        }
    }
    let bodies = &evidence.claim.bodies;
    for body in bodies {
        let Some(base64) = &body.base64 else { continue };
        let bytes = STANDARD
            .decode(base64)
            .map_err(|e| malformed(format!("{}: {e}", body.path)))?;
        let found = Hash::of(&bytes).to_hex();
        if found != body.sha256 {
            return Err(unproven(format!(
                "{}: expected a body of sha256 {}, found {found}",
                body.path, body.sha256
            )));
        }
    }
    if evidence.kind == "log-equivocation" {
        let (Some(first), Some(last)) = (bodies.first(), bodies.last()) else {
            return Err(malformed("expected two bodies, found none"));
        };
        if bodies.len() != 2 || first.path != last.path || first.sha256 == last.sha256 {
            return Err(unproven("expected two bodies of one path that differ"));
        }
    }
    Ok(proven)
}
