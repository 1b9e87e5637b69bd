//! The store on local disk: RocksDB, one synced write a commit.
//!
//! The journal's record and the rows of the view go into the same `WriteBatch`, nothing is stored twice, and a record
//! is put together again from its rows when somebody asks for it. One process at a time: RocksDB's own lock on the
//! folder keeps others out, a mutex keeps threads apart.

mod columns;
mod documents;
mod late;
mod read;
mod rows;
#[cfg(test)]
mod tests;
mod write;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use parking_lot::{Mutex, RwLock};
use rocksdb::{ColumnFamily, DB, IteratorMode};
use treering_tlog::{Hash, TreeSize};

use crate::envelopes::EnvelopeFiles;
use crate::{Head, LogId, StoreError, directory, keys};
use rows::Packer;

/// How often a reader tries to open a database whose files a server moves meanwhile. A server that writes 20,000
/// entries a second lists its files anew every few seconds, and opening takes milliseconds.
const READER_TRIES: usize = 100;

/// What can be set. The defaults keep a server of 10 million entries below 300 MB.
#[derive(Clone, Debug)]
pub struct RocksOptions {
    /// Commits are refused with `Full` while fewer bytes than this are free on the file system. Default 1 GiB: more
    /// than all write buffers, logs and one compaction step take, so what was committed can always be put in order.
    pub reserve_bytes: u64,
    /// Blocks, indexes and filters of tables. Default 32 MiB; at 10 million entries 18 MB are filters and indexes.
    pub block_cache_bytes: usize,
    /// Rows that are durable in the write-ahead log and not yet in tables. Default 64 MiB. The buffers of all column
    /// families together are 1.6 times this; while a family's rows are written out its next ones gather, so twice
    /// that is the most: 205 MiB.
    pub write_buffer_bytes: usize,
}

impl Default for RocksOptions {
    fn default() -> Self {
        Self {
            reserve_bytes: 1 << 30,
            block_cache_bytes: 32 << 20,
            write_buffer_bytes: 64 << 20,
        }
    }
}

/// Journal, view and documents in RocksDB, large envelopes in files beside it.
#[derive(Debug)]
pub struct RocksStore {
    db: DB,
    /// `None`: read only.
    writer: Option<Mutex<Writer>>,
    /// What readers may see: set after a commit is durable.
    heads: RwLock<BTreeMap<LogId, Head>>,
    /// Not in use; a commit takes one and puts it back.
    packers: Mutex<Vec<Packer>>,
    /// Held from looking for a timestamp to having kept one, so that the first stays.
    keeping: Mutex<()>,
    files: EnvelopeFiles,
    folder: PathBuf,
    reserve_bytes: u64,
}

/// What only one thread at a time may touch.
#[derive(Debug)]
struct Writer {
    next_event: u64,
    /// Why no commit is taken any more.
    failed: Option<String>,
}

/// Which list of its files the database has, and how long it is; something else whenever a file has come or gone.
fn manifest(folder: &Path) -> Option<(String, u64)> {
    let name = std::fs::read_to_string(folder.join("CURRENT")).ok()?;
    let list = std::fs::metadata(folder.join(name.trim_end())).ok()?;
    Some((name, list.len()))
}

impl RocksStore {
    /// Opens the database of a data directory, and makes one if there is none. Bodies that were spooled to be held and
    /// are not held are removed: open the store before anything is spooled.
    ///
    /// A write-ahead log that ends in the middle of a commit is what a crash leaves: that commit was never
    /// acknowledged and is dropped. A log that was cut further back cannot be told from it here; compare with
    /// [`published`](crate::published) before anything is signed.
    ///
    /// # Errors
    /// `Corrupt`; `Unavailable`, also if another process has it open.
    pub fn open(dir: &Path, options: &RocksOptions) -> Result<Self, StoreError> {
        let folder = directory::db(dir);
        directory::create_folder(&folder)?;
        let families = columns::families(options, |_| true);
        let db = DB::open_cf_descriptors(&columns::database(), &folder, families);
        let mut store = Self::load(dir, db, options)?;
        let next_event = store.scan_events(|_| Ok(()))?;
        store.sweep_held()?;
        store.writer = Some(Mutex::new(Writer {
            next_event,
            failed: None,
        }));
        Ok(store)
    }

    /// Opens what is there for reading, as it is now: what is committed later does not show. A server may hold it.
    /// A database of an earlier version that keeps no terms can be read; [`View::find`](crate::View::find) is then
    /// `Missing`, and no timestamp is known.
    ///
    /// # Errors
    /// `Missing`, `Corrupt`, `Unavailable`.
    pub fn open_read_only(dir: &Path) -> Result<Self, StoreError> {
        let folder = directory::db(dir);
        if !folder.join("CURRENT").is_file() {
            return Err(StoreError::Missing {
                what: format!("the database in {}", folder.display()),
            });
        }
        for _ in 0..READER_TRIES {
            let before = manifest(&folder);
            let opened = Self::try_read_only(dir);
            // Else the server wrote a new list of its files while those of the old one were opened: a table that it
            // merged away is missed, but a log that it dropped is not, and an older state is all that is seen.
            if manifest(&folder) == before {
                return opened;
            }
        }
        Err(StoreError::unavailable(
            folder.display(),
            format_args!("its files were moved {READER_TRIES} times while they were opened"),
        ))
    }

    fn try_read_only(dir: &Path) -> Result<Self, StoreError> {
        let (folder, options) = (directory::db(dir), RocksOptions::default());
        let present = DB::list_cf(&columns::read_only(), &folder)
            .map_err(|error| read::failed_to_open(folder.display(), &error))?;
        let lacks =
            |name: &str| keys::LATER.contains(&name) && !present.iter().any(|is| is == name);
        let families = columns::families(&options, |name| !lacks(name));
        let db = DB::open_cf_descriptors_read_only(&columns::read_only(), &folder, families, false);
        let store = Self::load(dir, db, &options)?;
        store.scan_events(|_| Ok(()))?;
        Ok(store)
    }

    fn load(
        dir: &Path,
        db: Result<DB, rocksdb::Error>,
        options: &RocksOptions,
    ) -> Result<Self, StoreError> {
        let folder = directory::db(dir);
        let db = db.map_err(|error| read::failed_to_open(folder.display(), &error))?;
        let store = Self {
            db,
            writer: None,
            heads: RwLock::default(),
            packers: Mutex::default(),
            keeping: Mutex::default(),
            files: EnvelopeFiles::reader(dir),
            folder,
            reserve_bytes: options.reserve_bytes,
        };
        let heads = store.load_heads()?;
        *store.heads.write() = heads;
        Ok(store)
    }

    /// Reads all heads; each must be what its newest batch left.
    fn load_heads(&self) -> Result<BTreeMap<LogId, Head>, StoreError> {
        let mut heads = BTreeMap::new();
        for row in self
            .db
            .iterator_cf(self.family(keys::HEADS), IteratorMode::Start)
        {
            let (key, value) = row.map_err(|error| read::failed("heads", &error))?;
            let log = keys::parse_head(&key)?;
            let head = keys::parse_head_value(&value)
                .map_err(|error| error.of_row(format_args!("head of log {}", log.0)))?;
            self.check_head(log, &head)?;
            heads.insert(log, head);
        }
        Ok(heads)
    }

    fn check_head(&self, log: LogId, head: &Head) -> Result<(), StoreError> {
        let newest = self.newest_batch(log)?;
        let found = newest.map(|batch| Head {
            size: batch.size,
            root: batch.root,
            integrated_time: batch.integrated_time,
        });
        if found != Some(*head) {
            let found = found.map_or_else(|| "no batch".to_owned(), |found| format!("{found:?}"));
            return Err(StoreError::corrupt(
                format_args!("newest batch of log {}", log.0),
                format_args!("{head:?}"),
                found,
            ));
        }
        Ok(())
    }

    /// Hands over the bytes of all events, which must be numbered without a gap, and returns how many there are.
    fn scan_events(
        &self,
        mut take: impl FnMut(Bytes) -> Result<(), StoreError>,
    ) -> Result<u64, StoreError> {
        let mut count = 0_u64;
        for row in self
            .db
            .iterator_cf(self.family(keys::EVENTS), IteratorMode::Start)
        {
            let (key, value) = row.map_err(|error| read::failed("events", &error))?;
            if *key != keys::event(count) {
                return Err(StoreError::corrupt(
                    "events",
                    format_args!("event {count}"),
                    hex::encode(key),
                ));
            }
            take(value.into()).map_err(|error| error.of_row(format_args!("event {count}")))?;
            count += 1;
        }
        Ok(count)
    }

    /// The head that readers may see.
    fn visible_head(&self, log: LogId) -> Head {
        let empty = Head {
            size: TreeSize::ZERO,
            root: Hash::empty_root(),
            integrated_time: 0,
        };
        self.heads.read().get(&log).copied().unwrap_or(empty)
    }

    fn family(&self, name: &str) -> &ColumnFamily {
        self.db
            .cf_handle(name)
            .expect("every column family but the later ones is opened, or opening fails")
    }
}
