//! What this machine has seen before: the newest checkpoint of each origin, and the key of each log of a server.
//!
//! One file for each, written beside and renamed, so that a crash leaves the old one or the new one. A lock file orders
//! processes.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use treering_api::log::LogName;
use treering_tlog::checkpoint::{Checkpoint, Opened, Origin};
use treering_tlog::merkle::ConsistencyProof;
use treering_tlog::note::SignedNote;
use treering_tlog::{Hash, TreeSize};

use crate::trust::{LogKey, TrustError};

/// The log contradicts what it signed before. Both notes together prove it to anybody who has its key.
#[derive(Debug, thiserror::Error)]
#[error("{origin} contradicts itself: {detail}")]
pub struct Misbehaviour {
    /// The log.
    pub origin: Origin,
    /// What it did.
    pub kind: MisbehaviourKind,
    /// Expected and found.
    pub detail: String,
    /// The note seen before.
    pub remembered: String,
    /// The note found now.
    pub found: String,
}

/// The ways in which a log contradicts itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MisbehaviourKind {
    /// Its newest checkpoint is smaller than one it showed before.
    Rollback,
    /// Two roots for one size.
    Fork,
    /// The larger tree is no extension of the smaller one, as far as the log can show.
    Inconsistent,
}

impl MisbehaviourKind {
    /// One word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Rollback => "rollback",
            Self::Fork => "fork",
            Self::Inconsistent => "inconsistent",
        }
    }
}

/// Why a checkpoint was not taken into memory. `E` is the error of whoever gives consistency proofs.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MemoryError<E: std::error::Error + 'static> {
    /// The log contradicts itself.
    #[error(transparent)]
    Misbehaviour(#[from] Box<Misbehaviour>),
    /// The consistency proof could not be had.
    #[error("no consistency proof from {from} to {to}: {source}")]
    NoProof {
        /// The remembered size.
        from: TreeSize,
        /// The size found.
        to: TreeSize,
        /// Why.
        source: E,
    },
    /// The state folder.
    #[error(transparent)]
    State(#[from] StateError),
}

/// The state folder cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("state in {}: {detail}", path.display())]
pub struct StateError {
    /// The file or folder.
    pub path: PathBuf,
    /// What is wrong.
    pub detail: String,
}

/// What taking a checkpoint into memory changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Advance {
    /// The first one of this origin: trusted as it is.
    First,
    /// The one remembered.
    Same,
    /// A larger one, consistent with the one remembered.
    Grown {
        /// The size before.
        from: TreeSize,
    },
    /// A smaller one that is consistent with the one remembered; that one stays. Only [`Memory::admit`] says so.
    Older,
}

/// A checkpoint that this machine has seen, with its signature checked then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remembered {
    note: String,
    checkpoint: Checkpoint,
}

impl Remembered {
    /// The signed note.
    #[must_use]
    pub fn note(&self) -> &str {
        &self.note
    }

    /// What it says.
    #[must_use]
    pub fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }
}

/// A folder of state.
#[derive(Clone, Debug)]
pub struct Memory {
    dir: PathBuf,
}

impl Memory {
    /// The folder; it is made when something is first remembered.
    #[must_use]
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into() }
    }

    /// `$XDG_STATE_HOME/treering`, else `$HOME/.local/state/treering`; none without either.
    #[must_use]
    pub fn default_dir() -> Option<PathBuf> {
        let absolute = |name: &str| {
            std::env::var_os(name)
                .map(PathBuf::from)
                .filter(|path| path.is_absolute())
        };
        let state =
            absolute("XDG_STATE_HOME").or_else(|| Some(absolute("HOME")?.join(".local/state")));
        state.map(|state| state.join("treering"))
    }

    /// The newest checkpoint seen of an origin. Ask before fetching, so that what another process remembers meanwhile is
    /// not taken for a rollback.
    ///
    /// # Errors
    /// [`StateError`]; a file that is no checkpoint of that origin is one, since forgetting it would hide a rollback.
    pub fn recall(&self, origin: &Origin) -> Result<Option<Remembered>, StateError> {
        let path = self.checkpoint_path(origin);
        let Some(note) = read(&path)? else {
            return Ok(None);
        };
        let damaged = |detail: String| StateError {
            path: path.clone(),
            detail,
        };
        let signed = SignedNote::parse(note.as_bytes()).map_err(|e| damaged(e.to_string()))?;
        let checkpoint = Checkpoint::parse(signed.text()).map_err(|e| damaged(e.to_string()))?;
        if checkpoint.origin != *origin {
            return Err(damaged(format!(
                "expected origin {origin}, found {}",
                checkpoint.origin
            )));
        }
        Ok(Some(Remembered { note, checkpoint }))
    }

    /// As [`recall`](Self::recall), where the checkpoint must be signed by this key: notes by two keys prove nothing about
    /// either, so what another key signed is never compared.
    ///
    /// # Errors
    /// [`TrustError::Remembered`] if another key signed it, else as `recall`.
    pub fn recall_of(&self, key: &LogKey) -> Result<Option<Remembered>, PinError> {
        let Some(seen) = self.recall(key.origin())? else {
            return Ok(None);
        };
        let Err(error) = key.open(seen.note.as_bytes()) else {
            return Ok(Some(seen));
        };
        let path = self.checkpoint_path(key.origin());
        let own = |note: &SignedNote| {
            let mut names = note.signatures().iter();
            names.any(|line| line.name() == key.key().name() && line.id() == key.key().id())
        };
        if SignedNote::parse(seen.note.as_bytes()).is_ok_and(|note| own(&note)) {
            let detail = error.to_string();
            return Err(StateError { path, detail }.into());
        }
        Err(TrustError::Remembered {
            origin: key.origin().to_string(),
            found: key.key().to_string(),
            path,
        }
        .into())
    }

    /// Takes a log's newest checkpoint. `seen` is what [`recall`](Self::recall) said before it was fetched; `prove` gives
    /// the consistency proof between two sizes.
    ///
    /// # Errors
    /// [`MemoryError`]; a smaller checkpoint than `seen` is a rollback.
    pub async fn advance<E: std::error::Error + 'static>(
        &self,
        seen: Option<&Remembered>,
        opened: &Opened,
        prove: impl AsyncFnOnce(TreeSize, TreeSize) -> Result<ConsistencyProof, E>,
    ) -> Result<Advance, MemoryError<E>> {
        if let Some(seen) = seen
            && opened.checkpoint().size < seen.checkpoint.size
        {
            let detail = format!(
                "expected size {} or more, found {}",
                seen.checkpoint.size,
                opened.checkpoint().size
            );
            return Err(misbehaviour(MisbehaviourKind::Rollback, seen, opened, detail).into());
        }
        self.admit(seen, opened, prove).await
    }

    /// Takes a checkpoint that need not be the newest, such as a receipt's or a proof file's.
    ///
    /// # Errors
    /// [`MemoryError`].
    pub async fn admit<E: std::error::Error + 'static>(
        &self,
        seen: Option<&Remembered>,
        opened: &Opened,
        prove: impl AsyncFnOnce(TreeSize, TreeSize) -> Result<ConsistencyProof, E>,
    ) -> Result<Advance, MemoryError<E>> {
        let advance = match seen {
            None => Advance::First,
            Some(seen) => compare(seen, opened, prove).await?,
        };
        if matches!(advance, Advance::First | Advance::Grown { .. }) {
            self.store(opened)?;
        }
        Ok(advance)
    }

    /// Keeps the checkpoint unless another process has kept a larger one meanwhile.
    fn store(&self, opened: &Opened) -> Result<(), StoreError> {
        let origin = &opened.checkpoint().origin;
        let path = self.checkpoint_path(origin);
        let _lock = self.lock()?;
        if let Some(current) = self.recall(origin)? {
            let (old, new) = (current.checkpoint(), opened.checkpoint());
            if old.size == new.size && old.root != new.root {
                return Err(StoreError::Misbehaviour(fork(&current, opened)));
            }
            if old.size >= new.size {
                return Ok(());
            }
        }
        Ok(write(&path, opened.text())?)
    }

    /// The key that a server showed for one of its logs before, if it did; else pins this one.
    ///
    /// # Errors
    /// [`TrustError::Changed`] if it showed another key.
    pub fn pin(&self, url: &str, log: &LogName, vkey: &str) -> Result<LogKey, PinError> {
        let key = LogKey::from_vkey(vkey)?;
        let path = self.pin_path(url, log);
        let _lock = self.lock()?;
        match read(&path)? {
            None => write(&path, &format!("{vkey}\n"))?,
            Some(pinned) if pinned.trim() == vkey => {}
            Some(pinned) => {
                let (log, expected, found) =
                    (log.to_string(), pinned.trim().to_owned(), vkey.to_owned());
                return Err(TrustError::Changed {
                    log,
                    expected,
                    found,
                }
                .into());
            }
        }
        Ok(key)
    }

    /// Whether a key of that log of that server is pinned.
    ///
    /// # Errors
    /// [`StateError`].
    pub fn is_pinned(&self, url: &str, log: &LogName) -> Result<bool, StateError> {
        Ok(read(&self.pin_path(url, log))?.is_some())
    }

    fn pin_path(&self, url: &str, log: &LogName) -> PathBuf {
        let name = Hash::of(format!("{url}\n{log}").as_bytes()).to_hex();
        self.dir.join("pins").join(name)
    }

    fn checkpoint_path(&self, origin: &Origin) -> PathBuf {
        self.dir.join("checkpoints").join(origin.hash().to_hex())
    }

    fn lock(&self) -> Result<File, StateError> {
        let path = self.dir.join("lock");
        let locked = fs::create_dir_all(&self.dir)
            .and_then(|()| File::options().create(true).append(true).open(&path))
            .and_then(|file| file.lock().map(|()| file));
        locked.map_err(|e| StateError {
            path,
            detail: e.to_string(),
        })
    }
}

/// Why a key was not pinned, or does not go with what is remembered.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PinError {
    /// No key, or another than before.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// The state folder.
    #[error(transparent)]
    State(#[from] StateError),
}

enum StoreError {
    State(StateError),
    Misbehaviour(Box<Misbehaviour>),
}

impl From<StateError> for StoreError {
    fn from(error: StateError) -> Self {
        Self::State(error)
    }
}

impl<E: std::error::Error + 'static> From<StoreError> for MemoryError<E> {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::State(error) => Self::State(error),
            StoreError::Misbehaviour(error) => Self::Misbehaviour(error),
        }
    }
}

/// Whether two checkpoints of one log go together, in whichever order they are.
///
/// # Errors
/// [`MemoryError`].
async fn compare<E: std::error::Error + 'static>(
    seen: &Remembered,
    opened: &Opened,
    prove: impl AsyncFnOnce(TreeSize, TreeSize) -> Result<ConsistencyProof, E>,
) -> Result<Advance, MemoryError<E>> {
    let (old, new) = (&seen.checkpoint, opened.checkpoint());
    if old.size == new.size {
        return if old.root == new.root {
            Ok(Advance::Same)
        } else {
            Err(fork(seen, opened).into())
        };
    }
    let (smaller, larger) = if old.size < new.size {
        (old, new)
    } else {
        (new, old)
    };
    let (from, to) = (smaller.size, larger.size);
    let proof = prove(from, to)
        .await
        .map_err(|source| MemoryError::NoProof { from, to, source })?;
    let right = (proof.from, proof.to) == (from, to);
    let held = if right {
        proof
            .verify(&smaller.root, &larger.root)
            .map_err(|e| e.to_string())
    } else {
        Err(format!(
            "expected a proof from {from} to {to}, found one from {} to {}",
            proof.from, proof.to
        ))
    };
    match held {
        Ok(()) if old.size < new.size => Ok(Advance::Grown { from }),
        Ok(()) => Ok(Advance::Older),
        Err(detail) => {
            let detail = format!("no consistency from {from} to {to}: {detail}");
            Err(misbehaviour(MisbehaviourKind::Inconsistent, seen, opened, detail).into())
        }
    }
}

fn fork(seen: &Remembered, opened: &Opened) -> Box<Misbehaviour> {
    let (old, new) = (&seen.checkpoint, opened.checkpoint());
    let detail = format!(
        "expected root {} at size {}, found {}",
        old.root, old.size, new.root
    );
    misbehaviour(MisbehaviourKind::Fork, seen, opened, detail)
}

fn misbehaviour(
    kind: MisbehaviourKind,
    seen: &Remembered,
    opened: &Opened,
    detail: String,
) -> Box<Misbehaviour> {
    Box::new(Misbehaviour {
        origin: opened.checkpoint().origin.clone(),
        kind,
        detail,
        remembered: seen.note.clone(),
        found: opened.text().to_owned(),
    })
}

fn read(path: &Path) -> Result<Option<String>, StateError> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(StateError {
            path: path.to_owned(),
            detail: e.to_string(),
        }),
    }
}

/// Writes beside and renames; both the file and its folder are on disk afterwards. The caller holds the lock.
fn write(path: &Path, text: &str) -> Result<(), StateError> {
    let dir = path.parent().unwrap_or(path);
    let beside = path.with_extension("new");
    let written = || -> io::Result<()> {
        fs::create_dir_all(dir)?;
        let mut file = File::create(&beside)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&beside, path)?;
        File::open(dir)?.sync_all()
    };
    written().map_err(|e| StateError {
        path: path.to_owned(),
        detail: e.to_string(),
    })
}
