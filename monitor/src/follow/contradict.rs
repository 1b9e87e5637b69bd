//! Two signed trees that do not go together: the proof of it.

use treering_client::evidence::{Claim, Evidence, Node, Proof, cut_at};
use treering_tlog::checkpoint::Opened;
use treering_tlog::merkle::{NodeId, Nodes as _};
use treering_tlog::note::{KeyKind, SignedNote, VerifierKey};
use treering_tlog::policy::Policy;
use treering_tlog::tile::{HashTile, TileNodes, TileNodesError, Width};
use treering_tlog::{Hash, TreeSize};

use crate::clock::Time;
use crate::findings::{Finding, Kind};
use crate::source::{ReadError, TileSource};

/// A tile that was not read yet.
#[derive(Clone, Copy, Debug)]
struct Absent(u8, u64, Width);

/// The hashes of the subtrees of a tree cut in two, read from a log's own tiles. They prove something only if they lead to
/// a signed root.
pub(super) async fn served_nodes(
    source: &TileSource,
    old: TreeSize,
    new: TreeSize,
) -> Result<Vec<Node>, ReadError> {
    let mut tiles: Vec<(u8, u64, HashTile)> = Vec::new();
    loop {
        let absent = match read_nodes(&tiles, old, new) {
            Ok(nodes) => return Ok(nodes),
            Err(Some(absent)) => absent,
            Err(None) => return Ok(Vec::new()),
        };
        let Absent(level, index, width) = absent;
        let served = source.hash_tile(level, index, width).await?;
        let Ok(tile) = HashTile::new(served.content) else {
            return Ok(Vec::new());
        };
        tiles.push((level, index, tile));
    }
}

fn read_nodes(
    tiles: &[(u8, u64, HashTile)],
    old: TreeSize,
    new: TreeSize,
) -> Result<Vec<Node>, Option<Absent>> {
    let nodes = TileNodes::new(new, |level, index, width| {
        let found = tiles.iter().find(|(l, i, _)| (*l, *i) == (level, index));
        found
            .map(|(_, _, tile)| tile.clone())
            .ok_or(Absent(level, index, width))
    });
    cut_at(old.get(), new.get())
        .into_iter()
        .map(|id| {
            let hash = nodes.node(id).map_err(|error| match error {
                TileNodesError::Fetch(absent) => Some(absent),
                _ => None,
            })?;
            Ok(Node::new(id, &hash))
        })
        .collect()
}

/// The same subtrees, from wherever `node` has them.
pub(super) fn kept_nodes<E>(
    old: TreeSize,
    new: TreeSize,
    node: impl Fn(NodeId) -> Result<Hash, E>,
) -> Result<Vec<Node>, E> {
    let ids = cut_at(old.get(), new.get()).into_iter();
    ids.map(|id| Ok(Node::new(id, &node(id)?))).collect()
}

/// Two notes of one log that contradict each other, and the subtrees that show it.
#[derive(Clone, Debug)]
pub(super) struct Contradiction<'a> {
    /// The note of the accepted tree.
    pub(super) held: &'a str,
    /// Its size and root.
    pub(super) held_tree: (TreeSize, Hash),
    /// The other one.
    pub(super) found: &'a Opened,
    /// Subtrees of the larger tree, cut where the smaller one ends; none for trees of one size.
    pub(super) nodes: Vec<Node>,
    /// Where the other one was seen.
    pub(super) source: &'a str,
    /// When.
    pub(super) at: Time,
}

impl Contradiction<'_> {
    /// The accusation of the log, and of each witness that cosigned both.
    pub(super) fn findings(&self, key: &VerifierKey, policy: Option<&Policy>) -> Vec<Finding> {
        let origin = self.found.checkpoint().origin.as_str();
        let (held_size, held_root) = self.held_tree;
        let found = self.found.checkpoint();
        let expected = format!("a tree that goes with root {held_root} at size {held_size}");
        let found = format!(
            "root {} at size {} from {}",
            found.root, found.size, self.source
        );
        let finding = Finding::of_log(Kind::LogFork, origin, format!("{held_size} {held_root}"))
            .saying(
                "the log signed two trees of which none is the beginning of the other",
                &expected,
                &found,
            );
        let evidence = self.evidence(&finding, key);
        let mut findings = vec![finding.showing(evidence)];
        let both = |witness: &&VerifierKey| {
            cosigned(self.held, witness) && cosigned(self.found.text(), witness)
        };
        let witnesses = policy.map(Policy::witnesses).unwrap_or_default();
        for witness in witnesses.iter().map(|witness| &witness.key).filter(both) {
            let grouping = format!("{} {held_size} {held_root}", witness.name());
            let finding = Finding::of_log(Kind::WitnessFork, origin, grouping).saying(
                format!("{} cosigned both trees of a fork", witness.name()),
                &expected,
                &found,
            );
            let evidence = self.evidence(&finding, witness);
            findings.push(finding.showing(evidence));
        }
        findings
    }

    fn evidence(&self, finding: &Finding, key: &VerifierKey) -> Evidence {
        Evidence {
            kind: finding.kind.as_str().to_owned(),
            proof: Proof::T,
            vkey: key.to_string(),
            notes: vec![self.held.to_owned(), self.found.text().to_owned()],
            nodes: self.nodes.clone(),
            entry: None,
            tlog_proof: None,
            claim: Claim {
                observed_at_ms: self.at.millis(),
                source: self.source.to_owned(),
                why: finding.why.clone(),
                expected: finding.expected.clone(),
                found: finding.found.clone(),
                bodies: Vec::new(),
            },
        }
    }
}

fn cosigned(note: &str, witness: &VerifierKey) -> bool {
    witness.kind() == KeyKind::CosignatureV1
        && SignedNote::parse(note.as_bytes())
            .is_ok_and(|note| note.verify(std::slice::from_ref(witness)).is_ok())
}
