//! The program itself: its exit codes and its messages.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, ExitStatus, Output, Stdio};
use std::sync::mpsc;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use treering_server::run::RunFile;

const BINARY: &str = env!("CARGO_BIN_EXE_treering-server");

/// A server as a process of its own.
pub(crate) struct Child {
    process: std::process::Child,
    pub(crate) run: RunFile,
    /// What it said before it listened.
    before: Vec<String>,
    said: mpsc::Receiver<String>,
}

impl Child {
    pub(crate) fn init(dir: &Path) {
        Self::init_as(dir, &[]);
    }

    /// With the log rekor-v2 alone.
    pub(crate) fn init_rekor_v2(dir: &Path) {
        Self::init_as(dir, &["--dialect", "rekor-v2"]);
    }

    fn init_as(dir: &Path, more: &[&str]) {
        let arguments = [
            "init",
            dir.to_str().unwrap(),
            "--url",
            "http://localhost:3000",
        ];
        let output = run(&[&arguments[..], more].concat());
        assert!(output.status.success(), "{}", text(&output.stderr));
    }

    /// Serves on free ports, and returns when the server listens.
    pub(crate) fn serve(dir: &Path, more: &[&str]) -> Self {
        Self::serve_by(Command::new(BINARY), dir, more)
    }

    /// Serves by a command that runs the program with the arguments that follow.
    fn serve_by(mut program: Command, dir: &Path, more: &[&str]) -> Self {
        let mut process = program
            .arg("serve")
            .arg(dir)
            .args(["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"])
            .args(more)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (lines, said) = mpsc::channel();
        let stderr = BufReader::new(process.stderr.take().unwrap());
        std::thread::spawn(move || {
            stderr
                .lines()
                .map_while(Result::ok)
                .try_for_each(|line| lines.send(line))
        });
        let mut before = Vec::new();
        loop {
            let Ok(line) = said.recv() else {
                let status = process.wait().unwrap();
                panic!("the server ended with {status}: {before:#?}")
            };
            // Not on a terminal, so each event is a JSON document.
            let event: Value =
                serde_json::from_str(&line).unwrap_or_else(|_| panic!("no JSON: {line}"));
            if event["fields"]["message"] == "listening" {
                let run = RunFile::read(dir).unwrap();
                assert_eq!(event["fields"]["listen"], run.listen.to_string());
                assert_eq!(
                    event["fields"]["admin_listen"],
                    run.admin_listen.to_string()
                );
                return Self {
                    process,
                    run,
                    before,
                    said,
                };
            }
            before.push(line);
        }
    }

    /// The most memory it has had, in KiB.
    pub(crate) fn peak_memory_kib(&self) -> u64 {
        let status =
            std::fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap();
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("VmHWM:"))
            .unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }

    pub(crate) fn end(mut self, signal: Signal) -> ExitStatus {
        kill_process(Pid::from_child(&self.process), signal).unwrap();
        self.process.wait().unwrap()
    }

    pub(crate) fn stop(self) -> ExitStatus {
        self.end(Signal::TERM)
    }
}

fn run(arguments: &[&str]) -> Output {
    Command::new(BINARY).args(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Runs a command that must end with that code, and returns what it said.
pub(crate) fn ends(code: i32, arguments: &[&str]) -> (String, String) {
    let output = run(arguments);
    let (out, error) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(
        output.status.code(),
        Some(code),
        "{arguments:?}: {out}{error}"
    );
    (out, error)
}

#[test]
fn wrong_commands_and_folders_say_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().to_str().unwrap();
    assert_eq!(
        ends(0, &["version"]).0,
        format!("treering-server {}\n", env!("CARGO_PKG_VERSION"))
    );
    for arguments in [
        &["nonsense"][..],
        &["init", dir],
        &["init", dir, "--url", "http://x/path"],
        &["log", "freeze", dir, "--name", "UPPER"],
    ] {
        ends(2, arguments);
    }
    for (code, command) in [
        (2, &["serve", dir][..]),
        (2, &["log", "list", dir]),
        (3, &["fsck", dir]),
        (2, &["log", "freeze", dir, "--name", "a"]),
    ] {
        let (_, error) = ends(code, command);
        assert!(
            error.contains(&format!("treering-server init {dir} --url")),
            "{command:?}: {error}"
        );
    }
    assert_eq!(
        std::fs::read_dir(dir).unwrap().count(),
        0,
        "nothing was made by asking"
    );
    let (_, help) = ends(2, &["serve", dir, "--log-level", "a=b=c"]);
    assert!(help.contains("init"), "{help}");
    for word in ["Exit codes:", "70"] {
        assert!(ends(0, &["serve", "--help"]).0.contains(word));
    }
}

#[test]
fn a_wrong_configuration_is_told_whole() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("log");
    Child::init(&dir);
    std::fs::write(dir.join("treering.toml"), "listen = \"x\"\nbanana = 2\n").unwrap();
    let (_, error) = ends(2, &["serve", dir.to_str().unwrap()]);
    for mistake in [
        "url: expected a value",
        "listen: expected an address",
        "banana: there is no such field",
    ] {
        assert!(error.contains(mistake), "{error}");
    }
    std::fs::write(
        dir.join("treering.toml"),
        "url = \"http://other.example\"\n",
    )
    .unwrap();
    let (_, error) = ends(2, &["serve", dir.to_str().unwrap()]);
    assert!(
        error.contains("origin localhost") && error.contains("http://other.example"),
        "{error}"
    );
}

#[test]
fn logs_are_changed_with_and_without_a_server() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    let dir = path.to_str().unwrap();
    Child::init_rekor_v2(&path);
    let server = Child::serve(&path, &[]);
    let (out, _) = ends(
        0,
        &[
            "log",
            "rotate",
            dir,
            "--from",
            "rekor-v2",
            "--name",
            "second",
            "--url",
            "https://two.example",
        ],
    );
    assert!(
        out.contains("added log second with origin two.example")
            && out.contains("froze log rekor-v2 at size 0"),
        "{out}"
    );
    let (_, error) = ends(
        2,
        &[
            "log",
            "add",
            dir,
            "--name",
            "third",
            "--url",
            "https://two.example",
        ],
    );
    assert!(error.contains("URL of its own"), "{error}");
    let (_, error) = ends(
        3,
        &[
            "serve",
            dir,
            "--listen",
            "127.0.0.1:0",
            "--admin-listen",
            "127.0.0.1:0",
        ],
    );
    assert!(error.contains("error: "), "a second server: {error}");
    let listed = |state: &str| -> Vec<String> {
        let logs: Value =
            serde_json::from_str(&ends(0, &["log", "list", dir, "-o", "json"]).0).unwrap();
        let logs = logs["logs"].as_array().unwrap();
        logs.iter()
            .filter(|log| log["state"] == state)
            .map(|log| log["name"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(
        (listed("active"), listed("frozen")),
        (vec!["second".to_owned()], vec!["rekor-v2".to_owned()])
    );

    // Killed, it leaves its run file behind; a command then does the work itself.
    assert_eq!(server.end(Signal::KILL).code(), None);
    assert!(path.join("run/listen.json").exists());
    ends(
        0,
        &[
            "log",
            "add",
            dir,
            "--name",
            "third",
            "--url",
            "https://three.example",
        ],
    );
    ends(
        0,
        &[
            "log",
            "freeze",
            dir,
            "--name",
            "second",
            "--successor",
            "third",
        ],
    );
    let (_, error) = ends(2, &["log", "freeze", dir, "--name", "second"]);
    assert!(error.contains("frozen"), "{error}");
    assert_eq!(listed("active"), ["third"]);
    assert!(ends(0, &["log", "list", dir]).0.lines().count() == 3);
    ends(0, &["fsck", dir]);
    assert_eq!(Child::serve(&path, &[]).stop().code(), Some(0));
}

#[test]
fn fsck_tells_clean_damaged_and_unreadable_apart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    let dir = path.to_str().unwrap();
    Child::init(&path);
    let server = Child::serve(&path, &[]);
    let (out, _) = ends(0, &["fsck", dir]);
    assert!(
        out.starts_with("log rekor-v2: clean, size 0, root e3b0c442"),
        "{out}"
    );
    assert_eq!(server.stop().code(), Some(0));
    std::fs::write(path.join("published/rekor-v2"), "no checkpoint").unwrap();
    let (out, _) = ends(6, &["fsck", dir, "-o", "json"]);
    let report: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(report["clean"], false);
    assert_eq!(
        report["logs"][0]["damages"].as_array().unwrap().len(),
        1,
        "{report}"
    );
    std::fs::remove_file(path.join("db/CURRENT")).unwrap();
    let (_, error) = ends(3, &["fsck", dir]);
    assert!(error.contains("error: "), "{error}");
    let (_, error) = ends(
        3,
        &["fsck", folder.path().join("nothing").to_str().unwrap()],
    );
    assert!(error.contains("holds no log"), "{error}");
}

#[test]
fn fsck_needs_no_private_key() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    Child::init(&path);
    assert_eq!(Child::serve(&path, &[]).stop().code(), Some(0));
    std::fs::remove_dir_all(path.join("keys")).unwrap();
    let (out, _) = ends(0, &["fsck", path.to_str().unwrap()]);
    assert!(out.contains("clean"), "{out}");
}

#[test]
fn an_old_key_never_signs_a_new_tree() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    let dir = path.to_str().unwrap();
    Child::init_rekor_v2(&path);
    // The database is gone, and with it what was published: only the key and its vkey are left.
    std::fs::remove_dir_all(path.join("db")).unwrap();
    std::fs::remove_dir_all(path.join("published")).unwrap();
    let serve = [
        "serve",
        dir,
        "--listen",
        "127.0.0.1:0",
        "--admin-listen",
        "127.0.0.1:0",
    ];
    for command in [&serve[..], &["log", "add", dir, "--name", "rekor-v2"]] {
        let (_, error) = ends(3, command);
        assert!(
            error.contains("rekor-v2.vkey") && error.contains("must never sign a new tree"),
            "{command:?}: {error}"
        );
    }
}

#[test]
fn events_follow_the_filter() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    Child::init(&path);
    let server = Child::serve(&path, &["--log-level", "info,treering_server::api=debug"]);
    let address = server.run.listen;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
        let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
        stream
            .write_all(b"GET /nothing HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
            .await
            .unwrap();
        stream.read_to_end(&mut Vec::new()).await.unwrap();
    });
    let event = server
        .said
        .iter()
        .find(|line| line.contains("request refused"))
        .unwrap();
    let event: Value = serde_json::from_str(&event).unwrap();
    assert_eq!(
        (&event["level"], &event["fields"]["kind"]),
        (&Value::from("DEBUG"), &Value::from("not_found"))
    );
    assert_eq!(event["span"]["route"], "unknown", "{event}");
    assert_eq!(server.stop().code(), Some(0));
}

#[test]
fn descriptors_are_taken_as_far_as_they_go() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    Child::init(&path);
    let mut limited = Command::new("sh");
    limited.args([
        "-c",
        "ulimit -n 3000 && ulimit -Sn 200 && exec \"$0\" \"$@\"",
        BINARY,
    ]);
    let server = Child::serve_by(limited, &path, &[]);
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", server.process.id())).unwrap();
    let files = limits
        .lines()
        .find(|line| line.starts_with("Max open files"))
        .unwrap();
    assert_eq!(
        files.split_whitespace().skip(3).take(2).collect::<Vec<_>>(),
        ["3000", "3000"]
    );
    let events: Vec<Value> = server
        .before
        .iter()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert!(
        events.iter().any(|event| event["level"] == "WARN"
            && event["fields"]["connections"] == 3000 - 1024
            && event["fields"]["configured"] == 10_000),
        "{events:#?}"
    );
    assert_eq!(server.stop().code(), Some(0));
}
