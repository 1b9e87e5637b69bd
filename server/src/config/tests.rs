use std::path::Path;
use std::time::Duration;

use super::{Config, FIELDS, File, commented};

fn read(text: &str) -> Result<Config, super::ConfigError> {
    Config::read(File::parse(Path::new("t.toml"), text).expect("TOML"))
}

#[test]
fn a_url_is_enough() {
    let config = read("url = \"http://localhost:3000\"").expect("valid");
    assert_eq!(config.listen.to_string(), "127.0.0.1:3000");
    assert_eq!(config.operator, "localhost");
    assert_eq!(config.limits, crate::limits::Limits::default());
    assert_eq!(config.telemetry.otlp_endpoint, None);
}

#[test]
fn all_mistakes_are_told_at_once() {
    let text = r#"
        listen = "nowhere"
        nonsense = 1
        admin_listen = 5
        allow_foreign_origin = "yes"
        telemetry = 3
        [limits]
        max_envelope_bytes = "64 bananas"
        max_wait = 10
        max_batch_items = 0
        max_bananas = 3
        [http]
        max_streams = -1
        [logs.UPPER]
        url = "http://x"
        [logs.a]
        url = "http://x/path"
        [logs.b]
        uri = "http://x"
        [banana]
        x = 1
    "#;
    let error = read(text).expect_err("full of mistakes");
    for place in [
        "url: expected a value",
        "listen: expected an address",
        "nonsense: there is no such field",
        "admin_listen: expected a text",
        "allow_foreign_origin: expected true or false",
        "telemetry: expected a section",
        "limits.max_envelope_bytes: expected a size",
        "limits.max_wait: expected a text",
        "limits.max_batch_items: expected a number of at least 1, found 0",
        "limits.max_bananas: there is no such field",
        "http.max_streams: expected",
        "logs.UPPER: expected a log name",
        "logs.a: expected a URL",
        "logs.b: expected a url and nothing else",
        "banana: there is no such field",
    ] {
        assert_eq!(
            error
                .mistakes
                .iter()
                .filter(|mistake| mistake.starts_with(place))
                .count(),
            1,
            "{place}: {error}"
        );
    }
    assert_eq!(error.mistakes.len(), 15, "{error}");
}

#[test]
fn what_contradicts_another_field_is_a_mistake() {
    let error = read(
        "url = \"http://x\"\nlisten = \"127.0.0.1:3001\"\n[limits]\nmax_bytes_in_flight = 1000",
    )
    .expect_err("three");
    assert_eq!(error.mistakes.len(), 3, "{error}");
    for largest in ["max_envelope_bytes", "max_batch_bytes"] {
        let expected = format!(
            "max_bytes_in_flight: expected at least limits.{largest} (67108864), found 1000"
        );
        assert!(error.to_string().contains(&expected), "{error}");
    }
    assert!(
        read("url = \"http://x\"\nlisten = \"127.0.0.1:0\"\nadmin_listen = \"127.0.0.1:0\"")
            .is_ok(),
        "two free ports"
    );
}

#[test]
fn the_environment_goes_over_the_file() {
    let mut file = File::parse(
        Path::new("t.toml"),
        "url = \"http://x\"\n[limits]\nmax_wait = \"1s\"",
    )
    .expect("TOML");
    let set = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    file.overlay([
        set("TREERING_SERVER_LIMITS_MAX_WAIT", "250ms"),
        set("TREERING_SERVER_LIMITS_MAX_BATCH_ITEMS", "7"),
        set("TREERING_SERVER_LIMITS_MAX_ENVELOPE_BYTES", "3MiB"),
        set("TREERING_SERVER_ALLOW_FOREIGN_ORIGIN", "true"),
        set("TREERING_SERVER_LISTEN", "127.0.0.1:9"),
        set("TREERING_SERVER_LOG_LEVEL", "debug"),
        set("HOME", "/"),
    ]);
    let config = Config::read(file.clone()).expect("valid");
    assert_eq!(config.limits.max_wait, Duration::from_millis(250));
    assert_eq!(
        (
            config.limits.max_batch_items,
            config.limits.max_envelope_bytes
        ),
        (7, 3 << 20)
    );
    assert!(config.allow_foreign_origin);
    assert_eq!(config.listen.port(), 9);

    file.overlay([set("TREERING_SERVER_LIMITS_MAX_WAIT", "soon")]);
    let error = Config::read(file).expect_err("no time");
    assert!(
        error
            .to_string()
            .contains("limits.max_wait (from TREERING_SERVER_LIMITS_MAX_WAIT): expected a time"),
        "{error}"
    );
}

#[test]
fn the_commented_file_is_the_default() {
    let text = commented(&[("url", "\"http://localhost:3000\"".to_owned())]);
    let config = read(&text).expect("what init writes");
    assert_eq!(
        config,
        read("url = \"http://localhost:3000\"").expect("valid")
    );
    assert!(
        text.lines().all(|line| line.chars().count() <= 110),
        "{text}"
    );
}

/// Sets every field to the default that its comment shows: that must change nothing, and none may be left over.
#[test]
fn every_documented_default_is_true() {
    let all: Vec<(&str, String)> = FIELDS
        .iter()
        .filter(|field| !field.default.is_empty())
        .map(|field| (field.path, field.default.to_owned()))
        .chain([("url", "\"http://localhost:3000\"".to_owned())])
        .collect();
    let config = read(&commented(&all)).expect("defaults are valid");
    assert_eq!(
        config,
        read("url = \"http://localhost:3000\"").expect("valid")
    );
}

/// Gives every documented field a value that no field takes: each must complain, or it is not read.
#[test]
fn every_documented_field_is_read() {
    let wrong: Vec<(&str, String)> = FIELDS
        .iter()
        .map(|field| (field.path, "[1979-05-27]".to_owned()))
        .collect();
    let error = read(&commented(&wrong)).expect_err("all wrong");
    for field in FIELDS {
        let prefix = format!("{}: expected", field.path);
        assert!(
            error
                .mistakes
                .iter()
                .any(|mistake| mistake.starts_with(&prefix)),
            "{} is not read: {error}",
            field.path
        );
    }
    assert_eq!(error.mistakes.len(), FIELDS.len());
}

#[test]
fn a_log_may_have_its_own_url() {
    let config =
        read("url = \"http://x\"\n[logs.two]\nurl = \"https://two.example\"").expect("valid");
    let name = |name| treering_api::log::LogName::new(name).expect("valid");
    assert_eq!(config.url_of(&name("two")).host(), "two.example");
    assert_eq!(config.url_of(&name("one")).host(), "x");
}
