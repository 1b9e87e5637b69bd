//! The real binary as a child process.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;

use treering_client::{Http, HttpOptions, Remote};
use treering_server::run::RunFile;

const BINARY: &str = env!("CARGO_BIN_EXE_treering-server");

/// A running server.
pub(crate) struct Server {
    child: Child,
    run: RunFile,
}

/// Makes a data directory.
pub(crate) fn init(dir: &Path) {
    let output = Command::new(BINARY)
        .arg("init")
        .arg(dir)
        .args(["--url", "http://localhost:3000"])
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// Audits a data directory that nobody holds.
pub(crate) fn fsck(dir: &Path) {
    let output = Command::new(BINARY).arg("fsck").arg(dir).output().unwrap();
    assert_eq!(
        output.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

impl Server {
    /// Serves a data directory and returns when it listens.
    pub(crate) fn start(dir: &Path) -> Self {
        let mut child = Command::new(BINARY)
            .arg("serve")
            .arg(dir)
            .args(["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"])
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let pid = child.id();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let (found, running) = mpsc::channel();
        let dir = dir.to_owned();
        // Reads to the end, so that the server never blocks on a full pipe. The run file is there before the event
        // that tells of the addresses, so every line is a reason to look.
        std::thread::spawn(move || {
            let (mut said, mut found) = (Vec::new(), Some(found));
            for line in stderr.lines().map_while(Result::ok) {
                said.push(line);
                if let Some(run) = RunFile::read(&dir).filter(|run| run.pid == pid)
                    && let Some(found) = found.take()
                {
                    let _ = found.send(Ok(run));
                }
            }
            if let Some(found) = found {
                let _ = found.send(Err(said.join("\n")));
            }
        });
        match running.recv().unwrap() {
            Ok(run) => Self { child, run },
            Err(said) => panic!("the server did not start:\n{said}"),
        }
    }

    pub(crate) fn remote(&self) -> Remote {
        Remote::new(
            Http::new(&HttpOptions::default()).unwrap(),
            &format!("http://{}", self.run.listen),
        )
        .unwrap()
    }

    /// SIGKILL.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// SIGTERM; demands a clean end.
    pub(crate) fn stop(mut self) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        let status = self.child.wait().unwrap();
        assert_eq!(status.code(), Some(0), "the server drains and exits 0");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // A test that failed must leave no server behind; one that stopped has none.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
