use super::*;

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

#[test]
fn quantiles_of_known_latencies_are_right_to_three_digits() {
    let mut latencies = Latencies::new();
    (1..=1000).for_each(|latency| latencies.record(millis(latency)));
    for (share, expected) in [
        (0.5, 500_000),
        (0.9, 900_000),
        (0.99, 990_000),
        (0.999, 999_000),
        (1.0, 1_000_000),
    ] {
        let found = latencies.quantile(share);
        assert!(
            found.abs_diff(expected) * 1000 <= expected,
            "{share}: expected {expected}, found {found}"
        );
    }
    assert_eq!(latencies.count(), 1000);
    assert!(latencies.quantile(1.0) <= latencies.max());
}

#[test]
fn latencies_beyond_the_range_count_as_its_end() {
    let mut latencies = Latencies::new();
    latencies.record(Duration::ZERO);
    latencies.record(Duration::from_secs(86_400));
    assert_eq!(latencies.count(), 2);
    assert!(
        latencies.max() >= MAX_MICROS && latencies.max() < MAX_MICROS + MAX_MICROS / 100,
        "{}",
        latencies.max()
    );
}

#[test]
fn tallies_add_up_and_failures_have_no_latency() {
    let (mut one, mut two) = (Tally::new(), Tally::new());
    one.record(
        millis(10),
        millis(15),
        Outcome {
            fresh: 3,
            duplicates: 1,
            bytes: 7,
            ..Outcome::default()
        },
    );
    one.record(
        millis(20),
        millis(520),
        Outcome::failed(Failure::TimedOut, 4),
    );
    let busy = || Failure::Rejected("busy (503)".to_owned());
    two.record(
        millis(30),
        millis(32),
        Outcome {
            fresh: 2,
            failures: vec![(busy(), 1), (busy(), 1)],
            ..Outcome::default()
        },
    );
    one.merge(two);
    assert_eq!(
        (one.requests, one.fresh, one.duplicates, one.bytes),
        (3, 5, 1, 7)
    );
    assert_eq!((one.served(), one.failed()), (6, 6));
    assert_eq!(
        one.failures,
        BTreeMap::from([(Failure::TimedOut, 4), (busy(), 2)])
    );
    assert_eq!((one.latencies.count(), one.latencies.max()), (2, 5_003)); // three digits: the bucket of 5,000
    assert_eq!(one.last, millis(520));
}
