//! The program while it runs, and when it is killed.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use treering_monitor::evil::EvilLog;

use crate::served::{Served, run};

/// A program that follows, its lines and where it answers operators.
struct Running {
    child: Child,
    lines: Receiver<String>,
    admin: String,
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn start(served: &Served, log: &EvilLog, url: &str) -> Running {
    let mut command = Command::new(env!("CARGO_BIN_EXE_treering-monitor"));
    command.args(["run", "--log", url, "--vkey", &log.vkey(), "-o", "jsonl"]);
    command.args([
        "--poll",
        "20ms",
        "--refetch",
        "1ms",
        "--backoff",
        "1ms",
        "--retries",
        "1",
    ]);
    command.args(["--admin", "127.0.0.1:0", "--parallel", "2"]);
    command.arg("--state").arg(served.state());
    command
        .env("NO_COLOR", "1")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stderr = BufReader::new(child.stderr.take().unwrap()).lines();
    let line = stderr
        .find_map(|line| line.ok().filter(|line| line.contains("admin=")))
        .unwrap();
    let admin = line.split("admin=").nth(1).unwrap();
    let admin = admin.split_whitespace().next().unwrap().to_owned();
    // So that the program never waits for a reader.
    std::thread::spawn(move || stderr.for_each(drop));
    let (send, lines) = mpsc::channel();
    let stdout = BufReader::new(child.stdout.take().unwrap());
    std::thread::spawn(move || {
        for line in stdout.lines().map_while(Result::ok) {
            let _ = send.send(line);
        }
    });
    Running {
        child,
        lines,
        admin,
    }
}

impl Running {
    /// Status and body.
    fn get(&self, path: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(&self.admin).unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
        let body = answer.split_once("\r\n\r\n").unwrap().1.to_owned();
        (status, body)
    }

    fn wait_until_ready(&self) {
        while self.get("/readyz").0 != 200 {
            std::thread::yield_now();
        }
    }

    fn line(&self) -> Value {
        serde_json::from_str(&self.lines.recv().unwrap()).unwrap()
    }

    /// Asks it to stop; the code.
    fn stop(&mut self) -> i32 {
        let pid = Pid::from_child(&self.child);
        kill_process(pid, Signal::TERM).unwrap();
        self.child.wait().unwrap().code().unwrap()
    }
}

#[test]
fn it_follows_tells_and_stops_when_it_is_asked() {
    let served = Served::new();
    let (log, url) = served.log("evil.example.org", 300);
    let mut running = start(&served, &log, &url);
    running.wait_until_ready();
    assert_eq!(running.get("/livez").0, 200);
    let (_, metrics) = running.get("/metrics");
    for series in [
        "treering_monitor_log_size_entries{origin=\"evil.example.org\"} 300",
        "treering_monitor_cursor_entries{origin=\"evil.example.org\"} 300",
        "treering_monitor_lag_entries{origin=\"evil.example.org\"} 0",
        "treering_monitor_entries_total{origin=\"evil.example.org\"} 300",
        "treering_monitor_misbehaviour_open{kind=\"log-fork\"} 0",
        "treering_monitor_findings_open{class=\"misbehaviour\",severity=\"critical\"} 0",
        "treering_monitor_passes_total{origin=\"evil.example.org\",result=\"error\"} 0",
        "treering_monitor_build_info",
    ] {
        assert!(metrics.contains(series), "{series} in {metrics}");
    }
    let (_, status) = running.get("/status");
    let status: Value = serde_json::from_str(&status).unwrap();
    assert_eq!(status["logs"][0]["to"], 300);
    log.step(&"fork 5 10".parse().unwrap());
    let finding = running.line();
    assert_eq!(
        (&finding["kind"], &finding["new"]),
        (&"log-fork".into(), &true.into())
    );
    let open = "treering_monitor_misbehaviour_open{kind=\"log-fork\"} 1";
    while !running.get("/metrics").1.contains(open) {
        std::thread::yield_now();
    }
    assert_eq!(running.stop(), 0);
    let coverage = running.line();
    assert_eq!(
        (&coverage["type"], &coverage["to"]),
        (&"coverage".into(), &300.into())
    );
}

#[test]
fn killed_at_any_time_it_goes_on_where_it_was() {
    let served = Served::new();
    let (log, url) = served.log("evil.example.org", 16_000);
    let mut reached = 0;
    // The log is asked for two resources a bundle: killed at the start, in a batch, after one, and late.
    for requests in [1, 7, 60, 100, 40] {
        let before = log.requests();
        let mut running = start(&served, &log, &url);
        log.wait_for_requests(before + requests);
        running.child.kill().unwrap();
        running.child.wait().unwrap();
        let state = served.state();
        let ran = run(&["status", "-o", "jsonl", "--state", state.to_str().unwrap()]);
        assert_eq!(ran.code, 0, "{ran:?}");
        let cursor = ran
            .lines
            .first()
            .map_or(0, |line| line["to"].as_u64().unwrap());
        assert!(cursor >= reached, "{cursor} after {reached}");
        reached = cursor;
    }
    assert!(reached > 0);
    let (vkey, state) = (log.vkey(), served.state());
    let state = state.to_str().unwrap();
    let ran = run(&[
        "once", "--log", &url, "--vkey", &vkey, "--state", state, "-o", "jsonl",
    ]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(ran.lines.last().unwrap()["to"], 16_000);
}

#[test]
fn an_evil_log_follows_its_script() {
    let served = Served::new();
    let script = served.file("script", b"# from the second look on\n2 fork 7 50\n");
    let mut command = Command::new(env!("CARGO_BIN_EXE_evil-log"));
    command.args(["--size", "300", "--script"]).arg(script);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let (url, vkey) = (
        lines.next().unwrap().unwrap(),
        lines.next().unwrap().unwrap(),
    );
    let state = served.state();
    let args = [
        "once",
        "--log",
        &url,
        "--vkey",
        &vkey,
        "--state",
        state.to_str().unwrap(),
    ];
    let codes = [
        run(&args).code,
        run(&[&args[..], &["--refetch", "1ms"]].concat()).code,
    ];
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(codes, [0, 6]);
}
