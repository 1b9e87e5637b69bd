use ed25519_dalek::SigningKey;
use treering_api::log::{Dialect, LogName};
use treering_storage::LogId;
use treering_tlog::note::KeyName;

use super::*;

fn public(seed: u8) -> [u8; 32] {
    SigningKey::from_bytes(&[seed; 32])
        .verifying_key()
        .to_bytes()
}

fn witness(seed: u8) -> VerifierKey {
    let name = KeyName::new(format!("w{seed}.test")).unwrap();
    VerifierKey::cosignature_v1(name, public(seed)).unwrap()
}

fn log(seed: u8) -> LogIdentity {
    let name = KeyName::new("log.test").unwrap();
    let key = VerifierKey::ed25519(name, public(seed)).unwrap();
    LogIdentity {
        id: LogId(0),
        name: LogName::new("a").unwrap(),
        dialect: Dialect::RekorV2,
        origin: "log.test".to_owned(),
        vkey: key.to_string(),
        key_id: key.full_id(),
    }
}

fn load(text: &str) -> Result<Setup, SetupError> {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("p"), text).unwrap();
    let config = WitnessConfig {
        policy: Some("p".into()),
        timeout: Duration::from_secs(1),
        interval: Duration::from_secs(1),
        max_wait: Duration::from_secs(1),
    };
    Ok(Setup::load(folder.path(), &config)?.expect("a policy is named"))
}

#[test]
fn requests_go_behind_the_submission_prefix() {
    let text = format!(
        "witness a {} https://w.test/prefix/\nwitness b {} http://localhost:7380\ngroup g any a b\nquorum g\n",
        witness(1),
        witness(2)
    );
    let setup = load(&text).unwrap();
    let urls: Vec<&str> = setup
        .witnesses
        .iter()
        .map(|witness| witness.url.as_str())
        .collect();
    assert_eq!(
        urls,
        [
            "https://w.test/prefix/add-checkpoint",
            "http://localhost:7380/add-checkpoint"
        ]
    );
    setup.check_logs(&[&log(9)]).unwrap();
    assert!(setup.is_for(&log(9)));
}

#[test]
fn mistakes_name_line_expected_and_found() {
    let (a, b) = (witness(1), witness(2));
    for (text, parts) in [
        (
            "quorum none\n".to_owned(),
            ["line 1", "1 to 99 witness lines", "found 0"],
        ),
        (
            format!("\nwitness a {a} http://a\nquorum b\n"),
            ["line 3", "on a line before", "found \"b\""],
        ),
        (
            format!("# c\nwitness a {a}\nquorum a\n"),
            ["line 2", "an http or https URL", "found none for a"],
        ),
        (
            format!("witness b {b} http://b\n witness\ta {a} ftp://a\nquorum a\n"),
            ["line 2", "http or https", "ftp://a"],
        ),
        (
            format!("witness a {a} http://a/?x=y\nquorum a\n"),
            ["line 1", "without query", "x=y"],
        ),
        (
            format!("witness a {a} nowhere\nquorum a\n"),
            ["line 1", "URL", "nowhere"],
        ),
        (
            "witness a w+e43cec18+BgAA http://a\nquorum a\n".to_owned(),
            ["line 1", "type 0x04", "another type for witness a"],
        ),
    ] {
        let error = load(&text).expect_err(&text).to_string();
        for part in parts.iter().chain(&["witness.policy: "]) {
            assert!(error.contains(part), "{error} lacks {part}");
        }
    }
    let missing = WitnessConfig {
        policy: Some("/nowhere/p".into()),
        timeout: Duration::from_secs(1),
        interval: Duration::ZERO,
        max_wait: Duration::ZERO,
    };
    let error = Setup::load(Path::new("/"), &missing).unwrap_err();
    assert!(error.to_string().contains("/nowhere/p: "), "{error}");
    let none = WitnessConfig {
        policy: None,
        ..missing
    };
    assert!(Setup::load(Path::new("/"), &none).unwrap().is_none());
}

#[test]
fn a_policy_that_lists_logs_is_for_these() {
    let (ours, other) = (log(9), log(8));
    let text = |vkey: &str| format!("log {vkey}\nwitness a {} http://a\nquorum a\n", witness(1));
    let setup = load(&text(&ours.vkey)).unwrap();
    assert!(setup.is_for(&ours) && !setup.is_for(&other));
    setup.check_logs(&[&other, &ours]).unwrap();
    setup.check_logs(&[]).unwrap();
    let error = setup.check_logs(&[&other]).unwrap_err().to_string();
    assert!(
        error.contains(&other.vkey) && error.contains("found 1 of other logs"),
        "{error}"
    );
}

#[test]
fn no_log_is_its_own_witness() {
    let text = format!(
        "witness b {} http://b\nwitness a {} http://a\nquorum a\n",
        witness(2),
        witness(9)
    );
    let error = load(&text).unwrap().check_logs(&[&log(9)]).unwrap_err();
    assert_eq!(
        error.to_string().split_once(": line ").unwrap().1,
        "2: expected a witness's own key, found the key of log a"
    );
}
