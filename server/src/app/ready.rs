//! Whether a server should get requests.

use std::time::Duration;

use crate::service::Health;

/// Why not; nothing if it should. An idle log and a server of frozen logs are ready.
pub(super) fn not_ready(health: &Health, ready_oldest: Duration) -> Vec<String> {
    let mut reasons = Vec::new();
    if health.stopping {
        reasons.push("stopping".to_owned());
    }
    if let Some(failed) = &health.failed {
        reasons.push(format!("a write failed, restart the server: {failed}"));
    }
    if health.oldest_waiting > ready_oldest {
        let waited = health.oldest_waiting;
        reasons.push(format!("the oldest admitted submission has waited {waited:?}, expected at most {ready_oldest:?}"));
    }
    if let Some((free, reserve)) = health.disk_low {
        reasons.push(format!(
            "expected at least {reserve} bytes of free disk, found {free}"
        ));
    }
    if let Some(error) = &health.published_failed {
        reasons.push(format!(
            "published checkpoints cannot be kept outside the database: {error}"
        ));
    }
    reasons.extend(health.witness_alarms.iter().cloned());
    reasons
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::not_ready;
    use crate::service::Health;

    #[test]
    fn every_reason_is_told_and_an_idle_server_has_none() {
        let limit = Duration::from_secs(5);
        let idle = Health {
            oldest_waiting: Duration::ZERO,
            failed: None,
            disk_low: None,
            published_failed: None,
            witness_alarms: Vec::new(),
            stopping: false,
        };
        assert_eq!(not_ready(&idle, limit), Vec::<String>::new());
        let waiting = Health {
            oldest_waiting: limit,
            ..idle.clone()
        };
        assert!(
            not_ready(&waiting, limit).is_empty(),
            "as long as the limit is not over it"
        );
        let all = Health {
            oldest_waiting: Duration::from_millis(5001),
            failed: Some("log a: disk gone".to_owned()),
            disk_low: Some((10, 20)),
            published_failed: Some("published/a: read-only".to_owned()),
            witness_alarms: vec!["witness w contradicts log a".to_owned()],
            stopping: true,
        };
        let reasons = not_ready(&all, limit).join("; ");
        for part in [
            "stopping",
            "disk gone",
            "5.001s",
            "at most 5s",
            "at least 20 bytes",
            "found 10",
            "published/a: read-only",
            "witness w contradicts log a",
        ] {
            assert!(reasons.contains(part), "{part} in {reasons}");
        }
    }
}
