//! A log's checkpoint, tiles and bundles: c2sp.org/tlog-tiles.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;
use reqwest::Url;
use treering_tlog::Hash;
use treering_tlog::entry_bundle::{BundleError, EntryBundle, MAX_BUNDLE_LEN};
use treering_tlog::note::MAX_NOTE_LEN;
use treering_tlog::tile::{TILE_WIDTH, Tile, Width};

use super::{Answer, Fetcher, Request, Trouble};

/// The largest tile of hashes, in bytes.
const MAX_TILE: usize = TILE_WIDTH as usize * Hash::LEN;

/// Why a resource could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// Trouble on the way; it says nothing about the log.
    #[error(transparent)]
    Trouble(#[from] Trouble),
    /// The log answers that there is no such resource.
    #[error("{path}: expected a resource within the signed size, found none (404)")]
    Missing {
        /// Its path.
        path: String,
    },
    /// A body that ends before it is complete, or is none of a log at all (a page of a proxy): as good as no answer.
    #[error("{path}: expected {expected}, found {found}")]
    Incomplete {
        /// Its path.
        path: String,
        /// What it should be.
        expected: String,
        /// What it is.
        found: String,
        /// Of a bundle: the leaves that are whole. If they are not the log's, it was not cut on the way.
        begun: Vec<Bytes>,
    },
    /// A whole body that is not what its path says.
    #[error("{path}: expected {expected}, found {found}")]
    Malformed {
        /// Its path.
        path: String,
        /// What it should be.
        expected: String,
        /// What it is.
        found: String,
    },
}

/// What was read, by path: to see whether a log says twice the same.
pub type Transcript = BTreeMap<String, Bytes>;

/// A resource, cut to the width asked for.
#[derive(Clone, Debug)]
pub struct Served<T> {
    /// The path that was read: that of the full tile where the partial one is gone.
    pub path: String,
    /// What it says.
    pub content: T,
}

/// Reads one view of a log. What it reads can be recorded.
#[derive(Clone)]
pub struct TileSource {
    fetcher: Arc<Fetcher>,
    base: Url,
    fresh: bool,
    transcript: Option<Arc<Mutex<Transcript>>>,
}

impl TileSource {
    /// The log whose `checkpoint` and `tile/` are under this address.
    #[must_use]
    pub fn new(fetcher: Arc<Fetcher>, mut base: Url) -> Self {
        if !base.path().ends_with('/') {
            let path = format!("{}/", base.path());
            base.set_path(&path);
        }
        Self {
            fetcher,
            base,
            fresh: false,
            transcript: None,
        }
    }

    /// The same log, read around caches and from now on recorded.
    #[must_use]
    pub fn recorded(&self, fresh: bool) -> Self {
        Self {
            fresh,
            transcript: Some(Arc::default()),
            ..self.clone()
        }
    }

    /// What was read since [`recorded`](Self::recorded).
    #[must_use]
    pub fn transcript(&self) -> Transcript {
        self.transcript
            .as_ref()
            .map(|record| record.lock().clone())
            .unwrap_or_default()
    }

    /// The log's address, ending in a slash.
    #[must_use]
    pub fn url(&self) -> &str {
        self.base.as_str()
    }

    /// How many requests run at the same time.
    #[must_use]
    pub fn parallel(&self) -> usize {
        self.fetcher.parallel()
    }

    /// The newest checkpoint, as it is served, with the sender's clock.
    ///
    /// # Errors
    /// [`Trouble`]; that there is none is trouble too.
    pub async fn checkpoint(&self) -> Result<Answer, Trouble> {
        let request = self.request("checkpoint", MAX_NOTE_LEN);
        let url = request.url.clone();
        let answer = self.fetcher.fetch(request).await?;
        let answer = answer
            .ok_or_else(|| Trouble::lasting(&url, "expected a checkpoint, found none (404)"))?;
        match page(&answer) {
            Some(found) => Err(Trouble::lasting(
                &url,
                format!("expected a checkpoint, found {found}"),
            )),
            None => Ok(answer),
        }
    }

    /// The first `width` hashes of a tile.
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn hash_tile(
        &self,
        level: u8,
        index: u64,
        width: Width,
    ) -> Result<Served<Vec<Hash>>, ReadError> {
        let tile = |width| Tile::Hash {
            level,
            index,
            width,
        };
        let (path, found, bytes) = self.tile(tile, width, MAX_TILE).await?;
        let (whole, _) = bytes.as_chunks::<{ Hash::LEN }>();
        let expected = found.count() * Hash::LEN;
        if bytes.len() != expected {
            let short = bytes.len() < expected;
            let (expected, detail) = (
                format!("{expected} bytes"),
                format!("{} bytes", bytes.len()),
            );
            return Err(refused(path, &bytes, expected, detail, short));
        }
        let hashes = whole.iter().take(width.count());
        let content = hashes.map(|bytes| Hash::new(*bytes)).collect();
        self.record(&path, &bytes);
        Ok(Served { path, content })
    }

    /// The first `width` leaves of a bundle.
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn bundle(&self, index: u64, width: Width) -> Result<Served<Vec<Bytes>>, ReadError> {
        let bundle = |width| Tile::Entries { index, width };
        let (path, found, bytes) = self.tile(bundle, width, MAX_BUNDLE_LEN).await?;
        let parsed = EntryBundle::parse(&bytes, found).map_err(|error| {
            let short = matches!(error, BundleError::Truncated { .. });
            let expected = format!("a bundle of {} entries", found.get());
            let mut refused = refused(path.clone(), &bytes, expected, error.to_string(), short);
            if let ReadError::Incomplete { begun, .. } = &mut refused {
                *begun = whole_leaves(&bytes);
            }
            refused
        })?;
        let leaves = parsed.leaves().take(width.count());
        let content = leaves.map(|leaf| bytes.slice_ref(leaf)).collect();
        self.record(&path, &bytes);
        Ok(Served { path, content })
    }

    /// The full tile where the partial one is gone; only a 404 says that it is.
    async fn tile(
        &self,
        tile: impl Fn(Width) -> Tile,
        width: Width,
        limit: usize,
    ) -> Result<(String, Width, Bytes), ReadError> {
        let asked = tile(width).path();
        if let Some(body) = self.body(&asked, limit).await? {
            return Ok((asked, width, body));
        }
        if !width.is_full() {
            let full = tile(Width::FULL).path();
            if let Some(body) = self.body(&full, limit).await? {
                return Ok((full, Width::FULL, body));
            }
        }
        Err(ReadError::Missing { path: asked })
    }

    async fn body(&self, path: &str, limit: usize) -> Result<Option<Bytes>, ReadError> {
        let answer = self.fetcher.fetch(self.request(path, limit)).await?;
        let Some(answer) = answer else {
            return Ok(None);
        };
        if let Some(found) = page(&answer) {
            return Err(ReadError::Incomplete {
                path: path.to_owned(),
                expected: "a resource of a log".to_owned(),
                found: found.to_owned(),
                begun: Vec::new(),
            });
        }
        Ok(Some(answer.body))
    }

    fn request(&self, path: &str, limit: usize) -> Request {
        let mut url = self.base.clone();
        let whole = format!("{}{path}", url.path());
        url.set_path(&whole);
        Request {
            url,
            body: None,
            limit,
            fresh: self.fresh,
        }
    }

    fn record(&self, path: &str, bytes: &Bytes) {
        if let Some(record) = &self.transcript {
            record.lock().insert(path.to_owned(), bytes.clone());
        }
    }
}

/// A body that is not what its path says. One that ends early may have been cut on the way.
fn refused(path: String, body: &[u8], expected: String, detail: String, short: bool) -> ReadError {
    let found = format!("{detail} (sha256 {})", Hash::of(body).to_hex());
    if short {
        return ReadError::Incomplete {
            path,
            expected,
            found,
            begun: Vec::new(),
        };
    }
    ReadError::Malformed {
        path,
        expected,
        found,
    }
}

/// The leaves at the beginning of a bundle that ends too early.
fn whole_leaves(bundle: &Bytes) -> Vec<Bytes> {
    let (mut rest, mut leaves) = (&bundle[..], Vec::new());
    while let Some((length, after)) = rest.split_first_chunk::<2>() {
        let length = usize::from(u16::from_be_bytes(*length));
        let Some((leaf, after)) = after.split_at_checked(length) else {
            break;
        };
        leaves.push(bundle.slice_ref(leaf));
        rest = after;
    }
    leaves
}

/// What an answer is that no log gives: a page for people, or nothing at all.
fn page(answer: &Answer) -> Option<&'static str> {
    match answer.media_type.as_deref() {
        _ if answer.body.is_empty() => Some("an empty body"),
        Some("text/html" | "application/xhtml+xml") => Some("a page of html"),
        Some("application/json" | "application/problem+json") => Some("json"),
        _ => None,
    }
}
