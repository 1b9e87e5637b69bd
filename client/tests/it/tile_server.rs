//! A log as files, and a server of such files.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use ed25519_dalek::SigningKey;
use treering_client::{Http, HttpOptions, LogKey, TileReader};
use treering_tlog::checkpoint::{self, Checkpoint, Origin};
use treering_tlog::merkle::CompactRange;
use treering_tlog::note::{KeyName, NoteSigner};
use treering_tlog::tile::{HashTile, TILE_WIDTH, Tile, Width, width_at};
use treering_tlog::{Hash, TreeSize, entry_bundle};

pub(crate) const ORIGIN: &str = "log.test/small";

/// Resources of a log by their paths.
pub(crate) type Files = HashMap<String, Vec<u8>>;

pub(crate) fn signer() -> NoteSigner {
    NoteSigner::new(
        KeyName::new(ORIGIN).unwrap(),
        SigningKey::from_bytes(&[7; 32]),
    )
    .unwrap()
}

pub(crate) fn log_key() -> LogKey {
    LogKey::from_vkey(&signer().verifier().to_string()).unwrap()
}

/// The leaf at an index: what a log of small entries may hold. One in a hundred is empty.
pub(crate) fn leaf(index: u64) -> Vec<u8> {
    if index % 100 == 99 {
        Vec::new()
    } else {
        format!("leaf {index}").into_bytes()
    }
}

/// A signed checkpoint of a tree.
pub(crate) fn checkpoint(size: u64, root: Hash) -> String {
    let checkpoint = Checkpoint::new(
        Origin::new(ORIGIN).unwrap(),
        TreeSize::new(size).unwrap(),
        root,
    );
    checkpoint::sign(&checkpoint, &signer()).unwrap()
}

/// All the resources of a log with so many of [`leaf`].
pub(crate) fn static_log(size: u64) -> Files {
    let leaves: Vec<Vec<u8>> = (0..size).map(leaf).collect();
    static_log_of(&leaves)
}

pub(crate) fn static_log_of(leaves: &[Vec<u8>]) -> Files {
    let size = TreeSize::new(u64::try_from(leaves.len()).unwrap()).unwrap();
    let mut levels: Vec<Vec<Hash>> = vec![Vec::new(); 8];
    let mut range = CompactRange::new();
    for leaf in leaves {
        range.append_visiting(Hash::leaf(leaf), |id, hash| {
            if id.level % 8 == 0 {
                levels[usize::from(id.level / 8)].push(hash);
            }
        });
    }
    let mut files = Files::new();
    for (level, hashes) in (0_u8..).zip(&levels) {
        for (index, chunk) in (0_u64..).zip(hashes.chunks(TILE_WIDTH.into())) {
            let width = width_at(level, index, size).unwrap();
            assert_eq!(width.count(), chunk.len());
            let tile = HashTile::new(chunk.to_vec()).unwrap();
            files.insert(
                Tile::Hash {
                    level,
                    index,
                    width,
                }
                .path(),
                tile.encode(),
            );
        }
    }
    for (index, chunk) in (0_u64..).zip(leaves.chunks(TILE_WIDTH.into())) {
        let width = Width::new(u16::try_from(chunk.len()).unwrap()).unwrap();
        let bundle = entry_bundle::encode(chunk.iter().map(Vec::as_slice)).unwrap();
        files.insert(Tile::Entries { index, width }.path(), bundle);
    }
    files.insert(
        "checkpoint".to_owned(),
        checkpoint(size.get(), range.root()).into_bytes(),
    );
    files
}

/// What a server answers with instead of a file.
#[derive(Default)]
pub(crate) struct Served {
    pub(crate) files: Files,
    /// Paths that get another status.
    pub(crate) statuses: HashMap<String, StatusCode>,
}

/// A server of files that can be changed while it runs; it stops with the test's runtime.
pub(crate) struct Server {
    pub(crate) reader: TileReader,
    pub(crate) served: Arc<Mutex<Served>>,
}

impl Server {
    pub(crate) async fn start(files: Files) -> Self {
        let served = Arc::new(Mutex::new(Served {
            files,
            ..Served::default()
        }));
        let router = Router::new().fallback(answer).with_state(served.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, router).await });
        let http = Http::new(&HttpOptions::default()).unwrap();
        let reader = TileReader::new(http, &format!("http://{address}/logs/small")).unwrap();
        Self { reader, served }
    }

    pub(crate) fn set(&self, files: Files) {
        self.served.lock().unwrap().files = files;
    }
}

async fn answer(State(served): State<Arc<Mutex<Served>>>, request: Request) -> Response {
    let path = request
        .uri()
        .path()
        .strip_prefix("/logs/small/")
        .unwrap_or_default()
        .to_owned();
    let served = served.lock().unwrap();
    if let Some(status) = served.statuses.get(&path) {
        return status.into_response();
    }
    served.files.get(&path).map_or_else(
        || StatusCode::NOT_FOUND.into_response(),
        |bytes| bytes.clone().into_response(),
    )
}
