use std::time::Duration;

use super::*;
use crate::histogram::{Failure, Outcome};

fn report(served: u64, failed: u64, unsent: u64, wrong: u64) -> Report {
    let mut tally = Tally::new();
    let failures = if failed > 0 {
        vec![(Failure::Rejected("busy (503)".to_owned()), failed)]
    } else {
        vec![]
    };
    let end = Duration::from_secs(2);
    tally.record(
        Duration::from_secs(1),
        end,
        Outcome {
            fresh: served,
            failures,
            ..Outcome::default()
        },
    );
    let verdict = Verdict {
        verified: 5,
        wrong,
        messages: vec!["envelope 3: no".to_owned(); usize::from(wrong > 0)],
    };
    let before = Usage::default();
    let after = Usage {
        user: Duration::from_secs(3),
        system: Duration::from_secs(1),
        resident: 2 << 20,
        ..before
    };
    let cost = Cost::between(&before, &after, served);
    let setup = Setup {
        mode: "single",
        rate: "max".to_owned(),
        connections: 8,
    };
    let mut report = Report::new(setup, &tally, unsent, verdict, cost.clone());
    report.server = Some(cost);
    report.disk = Some(Disk::between(1000, 51_000, served));
    report
}

#[test]
fn the_exit_status_says_who_must_act() {
    assert_eq!(report(1000, 0, 0, 0).exit_code(0.0), 0);
    assert_eq!(report(990, 10, 0, 0).exit_code(0.01), 0);
    assert_eq!(report(989, 11, 0, 0).exit_code(0.01), 3);
    assert_eq!(report(1000, 0, 1, 0).exit_code(0.01), 3);
    assert_eq!(report(0, 0, 0, 0).exit_code(1.0), 3);
    // A wrong answer outweighs trouble.
    assert_eq!(report(10, 1000, 5, 1).exit_code(0.0), 1);
}

#[test]
fn json_and_text_say_the_same() {
    let report = report(1000, 7, 0, 1);
    let json = serde_json::to_value(&report).unwrap();
    assert_eq!(json["served"], 1000);
    assert_eq!(json["perSecond"], 500.0);
    assert_eq!(json["failures"]["busy (503)"], 7);
    assert_eq!(json["latency"]["count"], 1);
    assert_eq!(json["server"]["cpuMicrosPerEntry"], 4000.0);
    assert_eq!(json["server"].get("writtenBytesPerEntry"), None);
    assert_eq!(json["disk"]["bytesPerEntry"], 50.0);
    assert_eq!(json["wrongMessages"][0], "envelope 3: no");
    let text = report.text();
    for part in [
        "1000 in 2.00 s: 500 a second",
        "7  busy (503)",
        "5 right, 1 wrong",
        "envelope 3: no",
        "4000.0 us an entry",
        "50 bytes an entry",
    ] {
        assert!(text.contains(part), "{part:?} is missing in\n{text}");
    }
    assert!(!text.contains("not sent"), "{text}");
}
