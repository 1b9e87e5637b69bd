//! What rekor-server v1.5.4 answered, replayed in the order in which it was asked: leaves byte for byte, statuses, codes, what is
//! found by index, id, entry and search, in which order, and with which attestation.
#![expect(clippy::unwrap_used, reason = "what tests share panics as tests do")]

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use treering_rekor::v1::{
    EntryId, EntryKey, MAX_ATTESTATION, NamedTree, Operator, ProposedEntry, Query, Rejected,
    Retrieve, SearchIndex, TreeId, Uncached, index_keys,
};
use treering_tlog::Hash;

const CASES: &str = include_str!("vectors/rekor-v1-recorded/cases.jsonl");
const TREE: i64 = 0x10e1_a8ac_7d1c_b6f2;

#[derive(Deserialize)]
struct Case {
    id: String,
    method: String,
    path: String,
    body: Option<String>,
    body_b64: Option<String>,
    body_fill: Option<Fill>,
    omitted: Option<String>,
    status: u16,
    #[serde(default)]
    accept: Vec<u16>,
    code: Option<u16>,
    creates: Option<String>,
    leaf: Option<String>,
    found: Option<Vec<String>>,
    #[serde(default)]
    attestations: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct Fill {
    head: String,
    unit: String,
    count: usize,
    tail: String,
}

/// What the server would keep.
#[derive(Default)]
struct Log {
    leaves: Vec<Stored>,
    ids: BTreeMap<String, String>,
    index: BTreeMap<String, BTreeSet<Hash>>,
}

struct Stored {
    hash: Hash,
    attestation: Option<Vec<u8>>,
}

/// An answer of ours.
#[derive(Debug, Default, PartialEq, Eq)]
struct Answer {
    status: u16,
    code: Option<u16>,
    found: Vec<Hash>,
}

impl From<Rejected> for Answer {
    fn from(rejected: Rejected) -> Self {
        Self {
            status: rejected.status(),
            code: Some(rejected.body().code),
            found: Vec::new(),
        }
    }
}

fn status(status: u16) -> Answer {
    Answer {
        status,
        ..Answer::default()
    }
}

fn found(found: Vec<Hash>) -> Answer {
    Answer {
        status: 200,
        code: None,
        found,
    }
}

fn tree() -> TreeId {
    TreeId::new(TREE).unwrap()
}

impl Log {
    /// Fills in a text of a request.
    fn fill(&self, text: &str) -> String {
        let mut out = String::new();
        let mut rest = text;
        while let Some((before, behind)) = rest.split_once("${") {
            let (name, after) = behind.split_once('}').unwrap();
            out.push_str(before);
            out.push_str(&self.value(name));
            rest = after;
        }
        out + rest
    }

    fn value(&self, name: &str) -> String {
        let end = i64::try_from(self.leaves.len()).unwrap();
        match name.split_once(':').unwrap_or((name, "")) {
            ("TREE_HEX", _) => tree().to_hex(),
            ("TREE_DEC", _) => tree().to_string(),
            ("ENTRY", case) => tree().to_hex() + &self.ids[case],
            ("LEAF", case) => self.ids[case].clone(),
            ("V" | "L" | "S", number) => match number.strip_prefix('+') {
                Some(relative) => (end + relative.parse::<i64>().unwrap()).to_string(),
                None => number.to_owned(),
            },
            other => panic!("placeholder {other:?}"),
        }
    }

    fn answer(&mut self, case: &Case) -> Answer {
        let body = match (&case.body, &case.body_b64, &case.body_fill) {
            (Some(body), _, _) => self.fill(body).into_bytes(),
            (_, Some(body), _) => STANDARD.decode(body).unwrap(),
            (_, _, Some(fill)) => {
                (fill.head.clone() + &fill.unit.repeat(fill.count) + &fill.tail).into_bytes()
            }
            _ => Vec::new(),
        };
        let path = self.fill(&case.path);
        let (path, query) = path.split_once('?').unwrap_or((&path, ""));
        let (path, query) = (path.trim_matches('/'), Query::parse(query));
        let (_, path) = path.split_once("api/v1/").unwrap();
        let answer = match (case.method.as_str(), path) {
            ("POST", "log/entries") => self.create(case, &body),
            ("POST", "log/entries/retrieve") => self.retrieve(&body),
            ("POST", "index/retrieve") => self.search(&body),
            ("GET", "log/entries") => query.log_index().map(|index| self.by_index(index)),
            ("GET", "log/proof") => self.proof(&query),
            ("GET", "log/publicKey") => query.tree().map(known),
            ("GET", path) => EntryKey::parse_path(path.strip_prefix("log/entries/").unwrap())
                .map(|key| self.by_key(&key)),
            other => panic!("{other:?}"),
        };
        answer.unwrap_or_else(Answer::from)
    }

    fn create(&mut self, case: &Case, body: &[u8]) -> Result<Answer, Rejected> {
        let entry = ProposedEntry::parse(body)?
            .verify(&Uncached, 0)
            .map_err(Rejected::Entry)?;
        let hash = entry.canonical().leaf_hash();
        if self.leaves.iter().any(|stored| stored.hash == hash) {
            return Ok(Answer {
                status: 409,
                code: Some(409),
                found: Vec::new(),
            });
        }
        let leaf = String::from_utf8(entry.canonical().leaf().to_vec()).unwrap();
        assert_eq!(Some(&leaf), case.leaf.as_ref(), "{}", case.id);
        let keys = entry.index_keys().unwrap();
        let again = index_keys(entry.entry(), entry.envelope().map(str::as_bytes));
        assert_eq!(Ok(&keys), again.as_ref(), "{}: by the leaf", case.id);
        for key in keys {
            self.index.entry(key).or_default().insert(hash);
        }
        self.push(case, hash, entry.attestation(MAX_ATTESTATION));
        Ok(Answer {
            status: 201,
            code: None,
            found: vec![hash],
        })
    }

    fn push(&mut self, case: &Case, hash: Hash, attestation: Option<Vec<u8>>) {
        self.ids.insert(case.id.clone(), hash.to_hex());
        self.leaves.push(Stored { hash, attestation });
    }

    fn has(&self, hash: Hash) -> Option<Hash> {
        let stored = self.leaves.iter().find(|stored| stored.hash == hash);
        stored.map(|stored| stored.hash)
    }

    fn at(&self, index: u64) -> Option<Hash> {
        let stored = self.leaves.get(usize::try_from(index).ok()?);
        stored.map(|stored| stored.hash)
    }

    fn by_index(&self, index: u64) -> Answer {
        self.at(index).map_or(status(404), |hash| found(vec![hash]))
    }

    fn by_key(&self, key: &EntryKey) -> Answer {
        let ours = key.tree().is_none_or(|id| id == tree());
        let hash = self.has(key.leaf()).filter(|_| ours);
        hash.map_or(status(404), |hash| found(vec![hash]))
    }

    fn retrieve(&self, body: &[u8]) -> Result<Answer, Rejected> {
        let request = Retrieve::parse(body)?;
        let ours = request.ids.iter().filter(|id| id.tree == tree());
        let mut hashes: Vec<Hash> = ours.map(|id| id.leaf).chain(request.leaves).collect();
        for entry in &request.entries {
            hashes.push(entry.look_up(&Uncached).map_err(Rejected::LookedUp)?);
        }
        let mut entries: Vec<Hash> = hashes.into_iter().filter_map(|h| self.has(h)).collect();
        entries.extend(request.indexes.into_iter().filter_map(|i| self.at(i)));
        Ok(found(entries))
    }

    fn search(&self, body: &[u8]) -> Result<Answer, Rejected> {
        let request = SearchIndex::parse(body, &Uncached)?;
        let sets = request.keys.iter().map(|key| self.index.get(key).cloned());
        let joined = sets
            .map(Option::unwrap_or_default)
            .reduce(|a, b| match request.operator {
                Operator::Or => a.union(&b).copied().collect(),
                Operator::And => a.intersection(&b).copied().collect(),
            });
        Ok(found(joined.unwrap_or_default().into_iter().collect()))
    }

    fn proof(&self, query: &Query) -> Result<Answer, Rejected> {
        let range = query.proof_range()?;
        let size = u64::try_from(self.leaves.len()).unwrap();
        Ok(match range.tree {
            Some(NamedTree::Zero) => refused(),
            Some(NamedTree::Id(id)) if id != tree() => refused(),
            _ if range.last > size => refused(),
            _ => status(200),
        })
    }
}

fn refused() -> Answer {
    Answer {
        code: Some(400),
        ..status(400)
    }
}

fn known(named: Option<NamedTree>) -> Answer {
    match named {
        None => status(200),
        Some(NamedTree::Id(id)) if id == tree() => status(200),
        Some(_) => refused(),
    }
}

fn cases() -> Vec<Case> {
    let cases = CASES
        .lines()
        .map(|line| serde_json::from_str(line).unwrap());
    cases.collect()
}

/// What the template says, without entries of which the request is not here.
fn expected(case: &Case, log: &Log, others: &BTreeSet<Hash>) -> Vec<Hash> {
    let ids = case.found.iter().flatten().map(|id| {
        let id = log.fill(id);
        match EntryKey::parse_path(&id).unwrap() {
            EntryKey::Full(EntryId { tree: found, leaf }) if found == tree() => leaf,
            other => panic!("{other:?}"),
        }
    });
    ids.filter(|hash| !others.contains(hash)).collect()
}

fn compare(case: &Case, mut ours: Answer, mut theirs: Vec<Hash>) -> Option<String> {
    if case.accept.contains(&ours.status) {
        return None;
    }
    if case.path.contains("/index/") {
        theirs.sort_unstable();
        ours.found.sort_unstable();
    }
    let expected = Answer {
        status: case.status,
        code: case.code,
        found: theirs,
    };
    (ours != expected).then(|| format!("{}: expected {expected:?}, found {ours:?}", case.id))
}

#[test]
fn every_recorded_request_is_answered_as_it_was() {
    let (mut log, mut others) = (Log::default(), BTreeSet::new());
    let mut wrong = Vec::new();
    let mut replayed = 0;
    for case in cases() {
        if case.omitted.is_some() {
            if let Some(hash) = &case.creates {
                let hash = Hash::from_hex(hash).unwrap();
                log.push(&case, hash, None);
                others.insert(hash);
            }
            continue;
        }
        let ours = log.answer(&case);
        let in_search = case.path.contains("/index/");
        let theirs = if in_search {
            expected(&case, &log, &others)
        } else {
            expected(&case, &log, &BTreeSet::new())
        };
        wrong.extend(compare(&case, ours, theirs));
        replayed += 1;
        for (id, data) in &case.attestations {
            let hash = log.fill(id)[16..].to_owned();
            let stored = log.leaves.iter().find(|s| s.hash.to_hex() == hash).unwrap();
            assert_eq!(
                stored
                    .attestation
                    .as_ref()
                    .map(|bytes| STANDARD.encode(bytes)),
                Some(data.clone()).filter(|_| !others.contains(&stored.hash)),
                "{}",
                case.id
            );
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(replayed, 442);
}
