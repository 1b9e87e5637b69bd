//! A server without doors on a store that a test holds in its hand.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use p256::ecdsa::signature::Signer as _;
use p256::ecdsa::{Signature, SigningKey};
use p256::pkcs8::EncodePublicKey as _;
use treering_api::log::{Dialect, LogName, Receipt, Submission};
use treering_server::audit::{Audited, Auditor, LogReport, PublishedNotes, published_notes};
use treering_server::clock::{Clock, SystemClock};
use treering_server::keys::ecdsa::{self, SecondKey};
use treering_server::limits::Limits;
use treering_server::log::recover::OpenError;
use treering_server::metrics::Metrics;
use treering_server::service::{SecondKeyLoader, Service, ServiceParts};
use treering_storage::envelopes::EnvelopeFiles;
use treering_storage::faulty::{Fault, Faulty};
use treering_storage::memory::MemoryStore;
use treering_storage::published::PublishedFiles;
use treering_storage::{Store, StoreError};
use treering_tlog::checkpoint;
use treering_tlog::note::VerifierKey;

/// A P-256 key that signs envelopes.
pub(crate) struct Submitter {
    key: SigningKey,
    pub(crate) public: Bytes,
}

impl Submitter {
    pub(crate) fn new(seed: u8) -> Self {
        let key = SigningKey::from_slice(&[seed.max(1); 32]).unwrap();
        let public = key.verifying_key().to_public_key_der().unwrap();
        Self {
            key,
            public: Bytes::copy_from_slice(public.as_bytes()),
        }
    }

    pub(crate) fn sign_payload(&self, payload: &[u8]) -> String {
        let payload_type = "application/vnd.in-toto+json";
        let mut pae = format!(
            "DSSEv1 {} {payload_type} {} ",
            payload_type.len(),
            payload.len()
        )
        .into_bytes();
        pae.extend_from_slice(payload);
        let signature: Signature = self.key.sign(&pae);
        STANDARD.encode(signature.to_der())
    }

    /// A DSSE envelope around `payload`.
    pub(crate) fn envelope(&self, payload: &[u8]) -> Bytes {
        let signature = self.sign_payload(payload);
        let payload = STANDARD.encode(payload);
        format!(r#"{{"payloadType":"application/vnd.in-toto+json","payload":"{payload}","signatures":[{{"sig":"{signature}"}}]}}"#).into()
    }

    /// The `number`th statement, signed.
    pub(crate) fn submission(&self, number: u64) -> Submission {
        let payload = format!(
            r#"{{"_type":"https://in-toto.io/Statement/v1","subject":[{{"name":"artifact-{number}","digest":{{"sha256":"{number:064x}"}}}}],"predicateType":"https://slsa.dev/provenance/v1","predicate":{{}}}}"#
        );
        Submission {
            envelope: self.envelope(payload.as_bytes()),
            verifiers: vec![self.public.clone()],
        }
    }
}

/// A clock that a test sets.
pub(crate) struct TestClock {
    pub(crate) unix: AtomicU64,
    /// Seconds by which monotonic time is ahead of the machine's.
    pub(crate) ahead: AtomicU64,
    real: SystemClock,
}

impl Clock for TestClock {
    fn unix_secs(&self) -> u64 {
        self.unix.load(Ordering::SeqCst)
    }

    fn monotonic(&self) -> Duration {
        self.real.monotonic() + Duration::from_secs(self.ahead.load(Ordering::SeqCst))
    }
}

/// The clock of one run, which tells when nobody of that run holds it any more.
struct RunClock {
    clock: Arc<TestClock>,
    _alive: Sender<()>,
}

impl Clock for RunClock {
    fn unix_secs(&self) -> u64 {
        self.clock.unix_secs()
    }

    fn monotonic(&self) -> Duration {
        self.clock.monotonic()
    }
}

pub(crate) const LOG: &str = "rekor-v2";

pub(crate) fn log_name() -> LogName {
    LogName::new(LOG).unwrap()
}

/// What survives a restart: the medium, the files, the clock, what the auditor saw.
pub(crate) struct World {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) memory: MemoryStore,
    envelopes: Arc<EnvelopeFiles>,
    pub(crate) clock: Arc<TestClock>,
    pub(crate) free_disk: Arc<AtomicU64>,
    pub(crate) limits: Limits,
    auditor: Auditor,
}

/// A running service on a faulty store.
pub(crate) struct Running {
    pub(crate) service: Arc<Service>,
    pub(crate) store: Arc<Faulty<MemoryStore>>,
    pub(crate) published: Arc<PublishedFiles>,
    /// Closed when the service and all its threads are gone.
    ended: Receiver<()>,
}

pub(crate) fn checkpoint_key(_name: &LogName) -> Result<ed25519_dalek::SigningKey, String> {
    Ok(ed25519_dalek::SigningKey::from_bytes(&[7; 32]))
}

impl World {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let files = Arc::new(EnvelopeFiles::open(dir.path()).unwrap());
        Self {
            memory: MemoryStore::with_envelope_files(Arc::clone(&files)),
            envelopes: files,
            dir,
            clock: Arc::new(TestClock {
                unix: AtomicU64::new(1_700_000_000),
                ahead: AtomicU64::new(0),
                real: SystemClock::new(),
            }),
            free_disk: Arc::new(AtomicU64::new(u64::MAX)),
            limits: Limits::default(),
            auditor: Auditor::default(),
        }
    }

    /// A world whose log exists.
    pub(crate) fn with_log() -> Self {
        let world = Self::new();
        let running = world.start().unwrap();
        running
            .service
            .add_log(
                &log_name(),
                Dialect::RekorV2,
                "log.example.org",
                checkpoint_key(&log_name()).unwrap(),
            )
            .unwrap();
        running.stop();
        world
    }

    /// The parts of a service on `store`, and what is closed when nobody holds them any more.
    pub(crate) fn parts(&self, store: Arc<dyn Store>) -> (ServiceParts, Receiver<()>) {
        let free = Arc::clone(&self.free_disk);
        let (alive, ended) = channel();
        let parts = ServiceParts {
            store,
            envelopes: Arc::clone(&self.envelopes),
            published: Arc::new(PublishedFiles::open(&self.published_folder()).unwrap()),
            // The last of these three to be dropped, by the service and by the threads of its logs.
            clock: Arc::new(RunClock {
                clock: Arc::clone(&self.clock),
                _alive: alive,
            }),
            limits: self.limits.clone(),
            metrics: Arc::new(Metrics::new()),
            keys: Box::new(checkpoint_key),
            second_keys: self.second_keys(),
            root: self.dir.path().to_owned(),
            free_disk: Box::new(move || Ok(free.load(Ordering::SeqCst))),
            verify_workers: 2,
        };
        (parts, ended)
    }

    fn second_keys(&self) -> SecondKeyLoader {
        let folder = self.dir.path().join("keys");
        std::fs::create_dir_all(&folder).unwrap();
        Box::new(move |log| {
            let key = ecdsa::create(&folder, log);
            key.map(SecondKey::Signing)
                .map_err(|error| error.to_string())
        })
    }

    pub(crate) fn published_folder(&self) -> PathBuf {
        self.dir.path().join("published")
    }

    pub(crate) fn start(&self) -> Result<Running, OpenError> {
        self.start_on(|store| store)
    }

    /// Starts a service on what `wrap` makes of the faulty store.
    pub(crate) fn start_on(
        &self,
        wrap: impl FnOnce(Arc<dyn Store>) -> Arc<dyn Store>,
    ) -> Result<Running, OpenError> {
        let store = Arc::new(Faulty::new(self.memory.clone()));
        let (parts, ended) = self.parts(wrap(Arc::clone(&store) as Arc<dyn Store>));
        let published = Arc::clone(&parts.published);
        let service = Service::open(parts)?;
        Ok(Running {
            service,
            store,
            published,
            ended,
        })
    }

    /// Sets the free disk and lets the server's last reading of it grow old.
    pub(crate) fn set_free_disk(&self, bytes: u64) {
        self.free_disk.store(bytes, Ordering::SeqCst);
        self.clock.ahead.fetch_add(2, Ordering::SeqCst);
    }

    /// Reads everything again and demands that nothing is damaged and nothing seen before has changed.
    pub(crate) fn check_log(&mut self) -> LogReport {
        let reports = self.audit().unwrap();
        for report in &reports {
            assert!(report.damages.is_empty(), "{:#?}", report.damages);
        }
        reports.into_iter().next().expect("the world has a log")
    }

    pub(crate) fn audit(&mut self) -> Result<Vec<LogReport>, StoreError> {
        let audited = Audited {
            store: &self.memory,
            envelopes: Some(&self.envelopes),
            published: &notes_in(&self.published_folder()),
        };
        self.auditor
            .check(&audited, |_| Some(vkey().to_string()), |_, _, _| {})
    }
}

impl Running {
    pub(crate) fn stop(self) {
        assert!(
            self.service.stop(Duration::from_secs(5)),
            "everybody is answered"
        );
    }

    /// What a crash does: from now on nothing reaches the medium, and no thread lives on. Returns when the last one of
    /// the service's threads has ended.
    pub(crate) fn crash(self, world: &World) {
        self.store.fail_commits(Fault::Lost);
        let published = files_of(&world.published_folder());
        drop(self.published);
        drop(self.service);
        let ended = self.ended.recv_timeout(Duration::from_secs(30));
        assert_eq!(
            ended,
            Err(RecvTimeoutError::Disconnected),
            "a thread of a dropped service lives on"
        );
        // Whoever goes in peace writes its checkpoints first; whoever crashes does not.
        std::fs::remove_dir_all(world.published_folder()).unwrap();
        std::fs::create_dir(world.published_folder()).unwrap();
        for (file, bytes) in published {
            std::fs::write(world.published_folder().join(file), bytes).unwrap();
        }
    }
}

/// The files of a folder, by name.
fn files_of(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = std::fs::read_dir(folder).unwrap();
    entries
        .map(|entry| entry.unwrap())
        .filter_map(|entry| {
            // The writer may be renaming a temporary one.
            let bytes = std::fs::read(entry.path()).ok()?;
            Some((entry.file_name().into_string().unwrap(), bytes))
        })
        .collect()
}

/// The published checkpoints of a folder, if it is there. Makes nothing that is not.
pub(crate) fn notes_in(folder: &Path) -> PublishedNotes {
    if !folder.exists() {
        return PublishedNotes::new();
    }
    published_notes(&PublishedFiles::open(folder).unwrap()).unwrap()
}

pub(crate) fn vkey() -> VerifierKey {
    let key = checkpoint_key(&log_name())
        .unwrap()
        .verifying_key()
        .to_bytes();
    VerifierKey::ed25519(
        treering_tlog::note::KeyName::new("log.example.org").unwrap(),
        key,
    )
    .unwrap()
}

/// A receipt proves what it says, to somebody who has nothing but the log's key.
pub(crate) fn verify_receipt(receipt: &Receipt) {
    let opened = checkpoint::open(receipt.proof.checkpoint.as_bytes(), &vkey()).unwrap();
    assert_eq!(receipt.proof.inclusion.size, opened.checkpoint().size);
    assert_eq!(receipt.proof.inclusion.index, receipt.index);
    receipt
        .proof
        .inclusion
        .verify(&receipt.leaf_hash, &opened.checkpoint().root)
        .unwrap();
}
