//! What is held, in memory: how much it is, what it waits for, and where its promoter has to look.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::ops::Bound;

use parking_lot::Mutex;
use tokio::sync::Notify;
use treering_api::reject::{Reject, RejectKind};
use treering_attest::{Envelope, KeyAliases, KeyDigest, Statement};
use treering_storage::{Gitoid, Held, LogId};
use treering_tlog::{Hash, TreeSize};

use super::join::Place;

/// For each log the size up to which its entries need not be compared with what is held.
pub(super) type Cursors = HashMap<LogId, TreeSize>;

/// All that is held.
pub(super) struct Registry {
    max_held: usize,
    max_bytes: u64,
    changed: Notify,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    held: HashMap<Gitoid, Waiting>,
    bytes: u64,
    /// What will be held in a moment.
    reserved: usize,
    reserved_bytes: u64,
    by_arrival: BTreeSet<(u64, Gitoid)>,
    by_envelope: HashMap<Hash, Gitoid>,
    by_payload: HashMap<Hash, BTreeSet<Gitoid>>,
    by_key: HashMap<KeyDigest, BTreeSet<Gitoid>>,
    /// What is to be looked up in the store, and the entry that gave rise to it.
    pending: BTreeMap<Gitoid, Option<Place>>,
    /// `None` while nothing is held: then nobody follows the logs.
    cursors: Option<Cursors>,
}

struct Waiting {
    /// Without its key ids.
    held: Held,
    keys: Vec<KeyDigest>,
    /// The digests of its subjects; `None` if they are many, or it was not looked at yet.
    subjects: Option<Subjects>,
}

/// Hashes of the values of digests.
pub(super) type Subjects = Box<[u64]>;

/// The most digests of subjects that are remembered of one envelope. Cost: 8 bytes each.
const MAX_SUBJECTS: usize = 64;

/// Room for an envelope that is about to be held; given back when dropped.
pub(super) struct Room<'r> {
    registry: &'r Registry,
    bytes: u64,
}

impl Registry {
    pub(super) fn new(max_held: usize, max_bytes: u64) -> Self {
        Self {
            max_held,
            max_bytes,
            changed: Notify::new(),
            state: Mutex::default(),
        }
    }

    /// Envelopes that are held and their bytes.
    pub(super) fn held(&self) -> (usize, u64) {
        let state = self.state.lock();
        (state.held.len(), state.bytes)
    }

    /// Whether nothing is held.
    pub(super) fn is_empty(&self) -> bool {
        self.state.lock().held.is_empty()
    }

    /// The gitoid of a held envelope with this hash.
    pub(super) fn by_envelope(&self, sha256: &Hash) -> Option<Gitoid> {
        self.state.lock().by_envelope.get(sha256).copied()
    }

    /// SHA-256 of the payload of what is held.
    pub(super) fn payload(&self, gitoid: Gitoid) -> Option<Hash> {
        let state = self.state.lock();
        Some(state.held.get(&gitoid)?.held.payload_sha256)
    }

    /// Room for an envelope of so many bytes.
    ///
    /// # Errors
    /// `Unavailable` if there is none, `TooLarge` if there never is.
    pub(super) fn room(&self, bytes: u64) -> Result<Room<'_>, Reject> {
        if bytes > self.max_bytes {
            return Err(Reject::mismatch(
                RejectKind::TooLarge,
                format!(
                    "an envelope of known keys, or at most {} bytes (archivista.max_held_bytes)",
                    self.max_bytes
                ),
                format!("unknown keys and {bytes} bytes"),
            ));
        }
        let mut state = self.state.lock();
        let full = |expected: String, found: String| {
            let found = format!(
                "{found} already; upload it again when their keys are known or their time is over"
            );
            Err(Reject::mismatch(RejectKind::Unavailable, expected, found))
        };
        let count = state.held.len() + state.reserved;
        if count >= self.max_held {
            let limit = format!(
                "at most {} envelopes of unknown keys (archivista.max_held)",
                self.max_held
            );
            return full(limit, count.to_string());
        }
        let held = state.bytes + state.reserved_bytes;
        if held.saturating_add(bytes) > self.max_bytes {
            let limit = format!(
                "at most {} bytes of envelopes of unknown keys (archivista.max_held_bytes)",
                self.max_bytes
            );
            return full(limit, format!("{held}, and {bytes} more to hold,"));
        }
        state.reserved += 1;
        state.reserved_bytes += bytes;
        Ok(Room {
            registry: self,
            bytes,
        })
    }

    /// Takes in what the store holds, and has it looked up, as [`fill`](Self::fill) does. Whatever is published of the logs from `starts` on is compared with it
    /// afterwards; what was before, that look-up sees.
    pub(super) fn insert(&self, held: Held, starts: impl FnOnce() -> Cursors) {
        let mut state = self.state.lock();
        let state = &mut *state;
        state.cursors.get_or_insert_with(starts);
        state.insert(held);
        self.changed.notify_one();
    }

    /// Takes in what was written in that room.
    pub(super) fn fill(room: Room<'_>, held: Held, starts: impl FnOnce() -> Cursors) {
        let registry = room.registry;
        let mut state = registry.state.lock();
        state.give_back(room.bytes);
        // Given back here, in one step with the other.
        std::mem::forget(room);
        state.cursors.get_or_insert_with(starts);
        state.insert(held);
        registry.changed.notify_one();
    }

    /// Forgets what is held no longer; whether it was.
    pub(super) fn remove(&self, gitoid: Gitoid) -> bool {
        self.state.lock().remove(gitoid)
    }

    /// From now on it waits for these keys, and for entries of its payload if it may still become one.
    pub(super) fn wait_for(&self, gitoid: Gitoid, keys: Vec<KeyDigest>, payload: bool) {
        let mut state = self.state.lock();
        let state = &mut *state;
        state.unlink(gitoid);
        let Some(waiting) = state.held.get_mut(&gitoid) else {
            return;
        };
        waiting.keys = keys;
        for key in &waiting.keys {
            state.by_key.entry(*key).or_default().insert(gitoid);
        }
        if payload {
            let hash = waiting.held.payload_sha256;
            state.by_payload.entry(hash).or_default().insert(gitoid);
        }
    }

    /// Has it looked up, once more.
    pub(super) fn look_up(&self, gitoid: Gitoid, place: Option<Place>) {
        let mut state = self.state.lock();
        if state.held.contains_key(&gitoid) {
            let known = state.pending.entry(gitoid).or_default();
            *known = known.or(place);
        }
    }

    /// What is to be looked up.
    pub(super) fn take_pending(&self) -> BTreeMap<Gitoid, Option<Place>> {
        std::mem::take(&mut self.state.lock().pending)
    }

    /// What waits for an entry of that payload or by a key of these digests.
    pub(super) fn matches(&self, payload: Option<&Hash>, keys: &[KeyDigest]) -> BTreeSet<Gitoid> {
        let state = self.state.lock();
        let by_payload = payload.and_then(|hash| state.by_payload.get(hash));
        let by_key = keys.iter().filter_map(|key| state.by_key.get(key));
        by_payload
            .into_iter()
            .chain(by_key)
            .flatten()
            .copied()
            .collect()
    }

    /// Those that came at or before a time, in seconds since the Unix epoch.
    pub(super) fn arrived_by(&self, time: u64) -> Vec<Gitoid> {
        let state = self.state.lock();
        let old = state.by_arrival.iter().take_while(|(at, _)| *at <= time);
        old.map(|(_, gitoid)| *gitoid).collect()
    }

    /// The digests of its subjects are these.
    pub(super) fn about(&self, gitoid: Gitoid, subjects: Option<Subjects>) {
        if let Some(waiting) = self.state.lock().held.get_mut(&gitoid) {
            waiting.subjects = subjects;
        }
    }

    /// What is held, oldest first, behind `after` and perhaps about a subject with one of these digests: at most `limit`.
    pub(super) fn listed(
        &self,
        after: Option<(u64, Gitoid)>,
        subjects: Option<&[String]>,
        limit: usize,
    ) -> Vec<(u64, Gitoid)> {
        let wanted: Option<HashSet<u64>> =
            subjects.map(|values| values.iter().map(|value| short_hash(value)).collect());
        let state = self.state.lock();
        let behind = after.map_or(Bound::Unbounded, Bound::Excluded);
        let behind = state.by_arrival.range((behind, Bound::Unbounded));
        let may_be = |gitoid: &Gitoid| match (&wanted, state.held.get(gitoid)) {
            (Some(wanted), Some(waiting)) => waiting.is_about(wanted),
            _ => true,
        };
        let listed = behind.filter(|(_, gitoid)| may_be(gitoid));
        listed.take(limit).copied().collect()
    }

    /// From where on a log is to be compared; `None` if nothing is held, and then nothing is remembered of the logs.
    pub(super) fn cursor(&self, log: LogId) -> Option<TreeSize> {
        let mut state = self.state.lock();
        if state.held.is_empty() {
            state.cursors = None;
        }
        // A log that was added since is compared from its first entry on.
        let cursors = state.cursors.as_ref()?;
        Some(cursors.get(&log).copied().unwrap_or(TreeSize::ZERO))
    }

    /// A log was compared up to that size.
    pub(super) fn advance(&self, log: LogId, size: TreeSize) {
        if let Some(cursors) = &mut self.state.lock().cursors {
            cursors.insert(log, size);
        }
    }

    /// Waits until something is taken in.
    pub(super) async fn changed(&self) {
        self.changed.notified().await;
    }
}

impl Waiting {
    /// Whether it may be about a subject with one of these digests.
    fn is_about(&self, wanted: &HashSet<u64>) -> bool {
        let subjects = self.subjects.as_ref();
        subjects.is_none_or(|subjects| subjects.iter().any(|value| wanted.contains(value)))
    }
}

/// What [`Registry::about`] takes of an envelope.
pub(super) fn subjects_of(envelope: &Envelope<'_>) -> Option<Subjects> {
    let payload = envelope.payload().ok()?;
    let Ok(statement) = Statement::parse(&payload) else {
        return Some(Subjects::default());
    };
    let digests = statement
        .subjects
        .iter()
        .flat_map(|subject| &subject.digests);
    let values = digests.map(|(_, value)| short_hash(value));
    let values: Vec<u64> = values.take(MAX_SUBJECTS + 1).collect();
    (values.len() <= MAX_SUBJECTS).then(|| values.into())
}

/// Equal values have equal ones; what collides is only looked at in vain.
fn short_hash(value: &str) -> u64 {
    let hash = Hash::of(value.as_bytes());
    let first = hash.as_bytes().first_chunk();
    u64::from_be_bytes(*first.expect("32 bytes begin with 8"))
}

impl State {
    fn give_back(&mut self, bytes: u64) {
        self.reserved -= 1;
        self.reserved_bytes -= bytes;
    }

    fn insert(&mut self, mut held: Held) {
        let gitoid = held.gitoid;
        if self.held.contains_key(&gitoid) {
            return;
        }
        let keys: Vec<_> = held
            .key_ids
            .iter()
            .filter_map(|text| KeyAliases::parse_key_id(text))
            .collect();
        // Texts of the submitter, which count in nothing here; the store has them.
        held.key_ids = Vec::new();
        for key in &keys {
            self.by_key.entry(*key).or_default().insert(gitoid);
        }
        let payload = self.by_payload.entry(held.payload_sha256);
        payload.or_default().insert(gitoid);
        self.by_envelope.insert(held.envelope_sha256, gitoid);
        self.by_arrival.insert((held.arrived, gitoid));
        self.bytes += held.len;
        self.pending.insert(gitoid, None);
        let subjects = None;
        self.held.insert(
            gitoid,
            Waiting {
                held,
                keys,
                subjects,
            },
        );
    }

    fn remove(&mut self, gitoid: Gitoid) -> bool {
        self.unlink(gitoid);
        let Some(waiting) = self.held.remove(&gitoid) else {
            return false;
        };
        self.by_envelope.remove(&waiting.held.envelope_sha256);
        self.by_arrival.remove(&(waiting.held.arrived, gitoid));
        self.bytes -= waiting.held.len;
        self.pending.remove(&gitoid);
        true
    }

    /// Out of what it is found by.
    fn unlink(&mut self, gitoid: Gitoid) {
        let Some(waiting) = self.held.get(&gitoid) else {
            return;
        };
        for key in &waiting.keys {
            unlist(&mut self.by_key, key, gitoid);
        }
        unlist(&mut self.by_payload, &waiting.held.payload_sha256, gitoid);
    }
}

fn unlist<K: std::hash::Hash + Eq>(
    lists: &mut HashMap<K, BTreeSet<Gitoid>>,
    key: &K,
    gitoid: Gitoid,
) {
    if let Some(list) = lists.get_mut(key) {
        list.remove(&gitoid);
        if list.is_empty() {
            lists.remove(key);
        }
    }
}

impl Drop for Room<'_> {
    fn drop(&mut self) {
        self.registry.state.lock().give_back(self.bytes);
    }
}
