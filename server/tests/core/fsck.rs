//! `fsck` on a data directory.

use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

use treering_server::clock::SystemClock;
use treering_server::config::ServerUrl;
use treering_server::init::{InitOptions, init};
use treering_server::inspect::fsck;
use treering_server::keys;
use treering_server::log::signer::Signer;
use treering_server::trust::Services;
use treering_storage::directory::Directory;
use treering_storage::record::RecordEntry;
use treering_storage::rocks::{RocksOptions, RocksStore};
use treering_storage::{Edge, Journal as _, LogId, apply};
use treering_tlog::Hash;

use super::support::log_name;

/// Publishes another checkpoint as soon as the audit tells its progress.
struct MovesOn<'a> {
    file: &'a Path,
    note: &'a str,
}

impl Write for MovesOn<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        std::fs::write(self.file, self.note)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

async fn data_directory(dir: &Path) {
    let options = InitOptions {
        dialects: vec![treering_api::log::Dialect::RekorV2],
        url: ServerUrl::parse("http://log.example.org").unwrap(),
        origin: None,
        allow_foreign_origin: false,
        services: Services::default(),
    };
    init(dir, options, Arc::new(SystemClock::new()))
        .await
        .unwrap();
}

fn staged(edge: &Edge, leaf: &'static str) -> treering_storage::Staged {
    let entry = RecordEntry {
        leaf: leaf.into(),
        leaf_hash: Hash::leaf(leaf.as_bytes()),
        envelope: None,
    };
    apply::stage(edge, LogId(0), 5, vec![entry])
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_server_publishes_meanwhile_is_no_damage() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("data");
    data_directory(&dir).await;
    let first = staged(&Edge::new(), "{}");
    let store = RocksStore::open(&dir, &RocksOptions::default()).unwrap();
    store.commit(&first).unwrap();
    drop(store);

    let directory = Directory::open(&dir).unwrap();
    let key = keys::load(&directory.keys(), &log_name()).unwrap();
    let signer = Signer::new("log.example.org", key).unwrap();
    let (_, note) = signer.sign(&staged(&first.edge, "{ }").edge);
    let file = directory.published().join(log_name().as_str());
    let progress = MovesOn {
        file: &file,
        note: &note,
    };
    let meanwhile = fsck(&dir, progress).unwrap();
    assert_eq!(std::fs::read_to_string(&file).unwrap(), note, "it moved on");
    let published = |damage: &treering_server::audit::Damage| damage.what.contains("published");
    assert!(!meanwhile[0].damages.iter().any(published), "{meanwhile:?}");
    // A store that is behind what was published before is damaged.
    let behind = fsck(&dir, io::sink()).unwrap();
    assert!(behind[0].damages.iter().any(published), "{behind:?}");
}
