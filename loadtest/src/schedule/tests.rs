use std::sync::Arc;

use super::*;

fn open(rate: u64, entries_per_request: u64, requests: u64, seconds: u64) -> Schedule {
    let pace = Pace::PerSecond(NonZeroU64::new(rate).unwrap());
    Schedule {
        pace,
        entries_per_request,
        requests,
        duration: Duration::from_secs(seconds),
    }
}

#[test]
fn pace_is_max_or_a_positive_number() {
    assert_eq!("max".parse(), Ok(Pace::Max));
    assert_eq!(
        "250".parse(),
        Ok(Pace::PerSecond(NonZeroU64::new(250).unwrap()))
    );
    for wrong in ["", "0", "-1", "1.5", "Max", "100000001"] {
        let error = wrong.parse::<Pace>().unwrap_err();
        assert!(
            error.starts_with("expected ") && error.contains("found"),
            "{error}"
        );
    }
}

#[test]
fn due_times_follow_from_the_rate_alone() {
    let schedule = open(3, 1, 1000, 60);
    assert_eq!(schedule.due(0), Some(Duration::ZERO));
    assert_eq!(schedule.due(1), Some(Duration::from_nanos(333_333_333)));
    assert_eq!(schedule.due(3), Some(Duration::from_secs(1)));
    // A batch is due when its first entry is.
    assert_eq!(open(640, 64, 100, 60).due(10), Some(Duration::from_secs(1)));
    assert_eq!(
        Schedule {
            pace: Pace::Max,
            ..schedule
        }
        .due(5),
        None
    );
}

#[test]
fn due_by_is_the_reverse_of_due() {
    for rate in [1, 3, 7, 999, 1000, 4321, 1_000_003] {
        for entries in [1, 64] {
            let schedule = open(rate, entries, 5000, 3600);
            for number in [0, 1, 2, 63, 64, 999, 4998] {
                let due = schedule.due(number).unwrap();
                assert_eq!(
                    schedule.due_by(due),
                    count_by_search(&schedule, due),
                    "rate {rate}, number {number}"
                );
                if !due.is_zero() {
                    let before = due - Duration::from_nanos(1);
                    assert_eq!(
                        schedule.due_by(before),
                        count_by_search(&schedule, before),
                        "rate {rate}, number {number}"
                    );
                }
            }
        }
    }
}

fn count_by_search(schedule: &Schedule, elapsed: Duration) -> u64 {
    (0..schedule.requests)
        .take_while(|&number| schedule.due(number).unwrap() <= elapsed)
        .count() as u64
}

#[test]
fn an_open_loop_sends_what_is_due_within_its_duration() {
    assert_eq!(open(100, 1, 1_000_000, 2).bounded().requests, 200);
    assert_eq!(open(100, 1, 50, 2).bounded().requests, 50);
    assert_eq!(open(100, 64, 1_000_000, 2).bounded().requests, 4);
    let closed = Schedule {
        pace: Pace::Max,
        ..open(100, 1, 50, 2)
    };
    assert_eq!(closed.bounded().requests, 50);
}

#[tokio::test]
async fn slots_of_an_open_loop_keep_their_times_however_late_they_are_taken() {
    let dispenser = Arc::new(Dispenser::new(open(1000, 1, 100, 60)));
    let team = Arc::new(Team::default());
    let member = Member::join(&team);
    let pacer = std::thread::spawn({
        let dispenser = Arc::clone(&dispenser);
        move || dispenser.pace(&team, Duration::from_secs(60))
    });
    for number in 0..100 {
        let slot = dispenser.next().await.unwrap();
        // Given out in order, never early; its start is when it was due, not when we came for it.
        assert_eq!(
            slot,
            Slot {
                number,
                start: Duration::from_millis(number)
            }
        );
        assert!(
            dispenser.clock().elapsed() >= slot.start,
            "slot {number} came early"
        );
    }
    assert_eq!(dispenser.unsent(), 0);
    // At once, not when the pacer gives up.
    assert_eq!(dispenser.next().await, None);
    drop(member);
    pacer.join().unwrap();
}

#[tokio::test]
async fn an_open_loop_that_nobody_serves_ends_with_unsent_slots() {
    let dispenser = Dispenser::new(open(1_000_000, 1, 10, 60));
    let team = Arc::new(Team::default());
    let _member = Member::join(&team);
    dispenser.pace(&team, Duration::from_millis(1));
    assert_eq!(dispenser.next().await, None);
    assert_eq!(dispenser.unsent(), 10);
}

#[tokio::test]
async fn a_closed_loop_ends_with_its_slots_or_its_time() {
    let schedule = Schedule {
        pace: Pace::Max,
        entries_per_request: 1,
        requests: 2,
        duration: Duration::from_secs(60),
    };
    let dispenser = Dispenser::new(schedule);
    assert_eq!(dispenser.next().await.map(|slot| slot.number), Some(0));
    assert_eq!(dispenser.next().await.map(|slot| slot.number), Some(1));
    assert_eq!(dispenser.next().await, None);
    let over = Dispenser::new(Schedule {
        duration: Duration::ZERO,
        ..schedule
    });
    assert_eq!(over.next().await, None);
    assert_eq!(over.unsent(), 0);
}
