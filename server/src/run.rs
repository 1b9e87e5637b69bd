//! The run file, `DIR/run/listen.json`: where the server that holds a data directory listens. Commands and scripts
//! find it there; it is removed when the server stops, and stale after a crash.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::files;

/// Where a server listens, and which one it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RunFile {
    /// Its process.
    pub pid: u32,
    /// A random word: whoever answers at `admin_listen` after a crash may be somebody else.
    pub instance: String,
    /// The address of the API.
    pub listen: SocketAddr,
    /// The address of health, metrics and commands.
    pub admin_listen: SocketAddr,
}

/// Removes the file when the server stops.
#[derive(Debug)]
pub struct RunFileGuard(PathBuf);

impl RunFile {
    /// Of this process.
    ///
    /// # Errors
    /// If the system gives no random bytes.
    pub fn new(listen: SocketAddr, admin_listen: SocketAddr) -> io::Result<Self> {
        let mut word = [0_u8; 16];
        getrandom::fill(&mut word).map_err(io::Error::other)?;
        Ok(Self {
            pid: std::process::id(),
            instance: hex::encode(word),
            listen,
            admin_listen,
        })
    }

    fn path(dir: &Path) -> PathBuf {
        dir.join("run").join("listen.json")
    }

    /// Writes it; the caller holds the data directory.
    ///
    /// # Errors
    /// The system's.
    pub fn write(&self, dir: &Path) -> io::Result<RunFileGuard> {
        let path = Self::path(dir);
        path.parent().map_or(Ok(()), std::fs::create_dir_all)?;
        files::replace(&path, &serde_json::to_vec(self)?, files::PUBLIC)?;
        Ok(RunFileGuard(path))
    }

    /// Reads it, if there is one that can be read.
    #[must_use]
    pub fn read(dir: &Path) -> Option<Self> {
        let bytes = std::fs::read(Self::path(dir)).ok()?;
        serde_json::from_slice(&bytes).ok()
    }
}

impl Drop for RunFileGuard {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_file(&self.0) {
            tracing::warn!(path = %self.0.display(), %error, "run file not removed");
        }
    }
}
