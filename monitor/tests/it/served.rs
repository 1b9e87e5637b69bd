//! Evil logs over HTTP, and the program that follows them.

use std::path::PathBuf;
use std::process::Output;
use std::sync::Arc;

use serde_json::Value;
use treering_monitor::evil::{EvilLog, Step, serve};

/// Evil logs over HTTP, and a folder for what the program keeps.
pub(crate) struct Served {
    pub(crate) runtime: tokio::runtime::Runtime,
    pub(crate) dir: tempfile::TempDir,
}

impl Served {
    pub(crate) fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        Self {
            runtime,
            dir: tempfile::tempdir().unwrap(),
        }
    }

    /// A log and its address.
    pub(crate) fn log(&self, name: &str, size: u64) -> (Arc<EvilLog>, String) {
        let log = Arc::new(EvilLog::new(name, 9, size));
        let listener = self
            .runtime
            .block_on(tokio::net::TcpListener::bind("127.0.0.1:0"));
        let listener = listener.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        self.runtime.spawn(serve(listener, Arc::clone(&log)));
        (log, url)
    }

    pub(crate) fn state(&self) -> PathBuf {
        self.dir.path().join("state")
    }

    pub(crate) fn file(&self, name: &str, content: &[u8]) -> PathBuf {
        let path = self.dir.path().join(name);
        std::fs::write(&path, content).unwrap();
        path
    }

    /// One pass with quick limits.
    pub(crate) fn once(&self, log: &EvilLog, url: &str, more: &[&str]) -> Ran {
        let vkey = log.vkey();
        let mut args = vec!["once", "--log", url, "--vkey", &vkey];
        args.extend(more);
        self.following(&args)
    }

    pub(crate) fn following(&self, args: &[&str]) -> Ran {
        let state = self.state();
        let mut all = args.to_vec();
        all.extend([
            "-o",
            "jsonl",
            "--refetch",
            "1ms",
            "--backoff",
            "1ms",
            "--retries",
            "1",
        ]);
        all.extend(["--state", state.to_str().unwrap()]);
        run(&all)
    }

    pub(crate) fn tending(&self, args: &[&str]) -> Ran {
        let state = self.state();
        let mut all = args.to_vec();
        all.extend(["-o", "jsonl", "--state", state.to_str().unwrap()]);
        run(&all)
    }
}

/// How a run ended.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) lines: Vec<Value>,
    pub(crate) stderr: String,
}

impl Ran {
    pub(crate) fn kinds(&self) -> Vec<&str> {
        let findings = self.lines.iter().filter(|line| line["type"] == "finding");
        findings
            .map(|line| line["kind"].as_str().unwrap())
            .collect()
    }
}

pub(crate) fn run(args: &[&str]) -> Ran {
    let mut command = assert_cmd::Command::cargo_bin("treering-monitor").unwrap();
    let Output {
        status,
        stdout,
        stderr,
    } = command.args(args).output().unwrap();
    let stdout = String::from_utf8(stdout).unwrap();
    Ran {
        code: status.code().unwrap(),
        lines: stdout
            .lines()
            .filter_map(|line| serde_json::from_str(line).ok())
            .collect(),
        stderr: String::from_utf8(stderr).unwrap(),
    }
}

/// Has a log misbehave.
pub(crate) fn step(log: &EvilLog, line: &str) {
    log.step(&line.parse::<Step>().unwrap());
}
