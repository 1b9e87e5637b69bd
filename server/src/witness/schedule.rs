//! Who is asked for what and when. Pure: no I/O, no clock.
//!
//! A round has one target, the newest tree when it began. It is over when the quorum has cosigned, or when nobody who
//! may be asked is left; then the next one may begin. So a witness that is silent never holds up a quorum of the others,
//! and one that is slow is waited for only where the quorum needs it.

use std::time::Duration;

use treering_tlog::TreeSize;

/// The shortest time between two rounds, however many wait: twenty a second, twice what public witnesses grant a log.
const HURRY_GAP: Duration = Duration::from_millis(50);
/// The longest pause after failures.
const MAX_PAUSE: Duration = Duration::from_secs(30);

/// What is known of one witness.
#[derive(Clone, Debug, Default)]
struct Link {
    /// The size that it is thought to hold.
    held: TreeSize,
    /// What it is being asked for.
    asked: Option<TreeSize>,
    /// Up to this size there is nothing to ask it for.
    done: TreeSize,
    failures: u32,
    not_before: Duration,
}

impl Link {
    fn wants(&self, target: TreeSize) -> bool {
        self.asked.is_none() && self.done < target
    }
}

/// What the feeder is to do.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Step {
    /// A new round began: its target is the published tree.
    pub(super) begins: bool,
    /// Who is to be asked for the target, each with the size it is thought to hold.
    pub(super) ask: Vec<(usize, TreeSize)>,
    /// When to look again, if nothing happens before.
    pub(super) wake: Option<Duration>,
    /// A newer tree than the target has to be waited for.
    pub(super) idle: bool,
}

/// The witnesses of a log and the round that they are in. Times are those of one monotonic clock.
#[derive(Debug)]
pub(super) struct Schedule {
    interval: Duration,
    links: Vec<Link>,
    target: TreeSize,
    next_round: Duration,
    next_hurried: Duration,
}

impl Schedule {
    pub(super) fn new(witnesses: usize, interval: Duration) -> Self {
        Self {
            interval,
            links: vec![Link::default(); witnesses],
            target: TreeSize::ZERO,
            next_round: Duration::ZERO,
            next_hurried: Duration::ZERO,
        }
    }

    /// The size of the round's tree; 0 before the first.
    pub(super) const fn target(&self) -> TreeSize {
        self.target
    }

    /// Whether somebody is being asked for a tree of that size.
    pub(super) fn asks_for(&self, size: TreeSize) -> bool {
        self.links.iter().any(|link| link.asked == Some(size))
    }

    /// What to do now: the published size, the largest that somebody waits for, and whether the target has its quorum.
    pub(super) fn step(
        &mut self,
        now: Duration,
        published: TreeSize,
        wanted: TreeSize,
        satisfied: bool,
    ) -> Step {
        let waits = self
            .links
            .iter()
            .any(|link| link.asked == Some(self.target) || self.may_ask(link, now));
        let over = satisfied || !waits;
        let mut due = self.next_round;
        if wanted > self.target {
            due = due.min(self.next_hurried);
        }
        let begins = over && published > self.target && now >= due;
        if begins {
            self.target = published;
            self.next_round = now + self.interval;
            self.next_hurried = now + self.interval.min(HURRY_GAP);
        }
        let ask = self.ask(now);
        let retry = self.links.iter().filter(|link| link.wants(self.target));
        let retry = retry.map(|link| link.not_before).min();
        let next = (over && published > self.target).then_some(due);
        Step {
            begins,
            ask,
            wake: retry.into_iter().chain(next).min(),
            idle: published <= self.target,
        }
    }

    fn may_ask(&self, link: &Link, now: Duration) -> bool {
        link.wants(self.target) && link.not_before <= now
    }

    fn ask(&mut self, now: Duration) -> Vec<(usize, TreeSize)> {
        let target = self.target;
        let mut ask = Vec::new();
        for (witness, link) in self.links.iter_mut().enumerate() {
            if link.wants(target) && link.not_before <= now {
                link.asked = Some(target);
                ask.push((witness, link.held.min(target)));
            }
        }
        ask
    }

    /// A witness cosigned the tree of that size.
    pub(super) fn cosigned(&mut self, witness: usize, size: TreeSize) {
        if let Some(link) = self.links.get_mut(witness) {
            *link = Link {
                held: size,
                done: size,
                ..Link::default()
            };
        }
    }

    /// A witness holds a newer tree of this log than it was asked for: it is asked again when there is a newer one.
    pub(super) fn is_newer(&mut self, witness: usize, held: TreeSize) {
        self.cosigned(witness, held);
    }

    /// A witness gave no cosignature; `held` is the size that it named, if it did.
    pub(super) fn failed(&mut self, witness: usize, now: Duration, held: Option<TreeSize>) {
        if let Some(link) = self.links.get_mut(witness) {
            let factor = 1_u32 << link.failures.min(16);
            link.asked = None;
            link.held = held.unwrap_or(link.held);
            link.failures += 1;
            let pause = self.interval.max(HURRY_GAP).saturating_mul(factor);
            link.not_before = now + pause.min(MAX_PAUSE);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn size(leaves: u64) -> TreeSize {
        TreeSize::new(leaves).unwrap()
    }

    fn asked(step: &Step) -> Vec<(usize, u64)> {
        let ask = step.ask.iter();
        ask.map(|(witness, held)| (*witness, held.get())).collect()
    }

    #[test]
    fn rounds_are_paced_and_hurried() {
        let mut schedule = Schedule::new(1, SECOND);
        let none = TreeSize::ZERO;
        let empty = schedule.step(Duration::ZERO, none, none, false);
        assert_eq!(
            (asked(&empty), empty.idle, empty.wake),
            (vec![], true, None)
        );
        let first = schedule.step(Duration::ZERO, size(3), none, false);
        assert_eq!((first.begins, asked(&first)), (true, vec![(0, 0)]));
        schedule.cosigned(0, size(3));
        let same = schedule.step(SECOND / 2, size(3), none, true);
        assert_eq!((asked(&same), same.idle, same.wake), (vec![], true, None));
        let soon = schedule.step(SECOND / 2, size(4), none, true);
        assert_eq!((soon.begins, soon.wake), (false, Some(SECOND)));
        let waited = schedule.step(SECOND / 2, size(4), size(4), true);
        assert_eq!((waited.begins, asked(&waited)), (true, vec![(0, 3)]));
        schedule.cosigned(0, size(4));
        // Who waits for more is served at once, yet not more than every 50 ms.
        let again = schedule.step(SECOND / 2, size(5), size(5), true);
        assert_eq!(
            (again.begins, again.wake),
            (false, Some(SECOND / 2 + HURRY_GAP))
        );
        // Who waits for what the round has already hurries nothing.
        let covered = schedule.step(SECOND, size(5), size(4), true);
        assert_eq!(
            (covered.begins, covered.wake),
            (false, Some(SECOND / 2 + SECOND))
        );
    }

    #[test]
    fn a_dead_witness_holds_up_no_quorum_and_is_asked_ever_less() {
        let mut schedule = Schedule::new(2, SECOND);
        let step = schedule.step(Duration::ZERO, size(1), size(1), false);
        assert_eq!(asked(&step), [(0, 0), (1, 0)]);
        schedule.cosigned(0, size(1));
        // Without a quorum the other one is waited for, with one it is not.
        let waiting = schedule.step(SECOND, size(2), size(2), false);
        assert_eq!((waiting.begins, asked(&waiting)), (false, vec![]));
        let next = schedule.step(SECOND, size(2), size(2), true);
        assert_eq!((next.begins, asked(&next)), (true, vec![(0, 1)]));
        assert!(schedule.asks_for(size(1)), "the late one may still come");
        schedule.failed(1, SECOND, None);
        schedule.cosigned(0, size(2));
        let paused = schedule.step(SECOND, size(2), size(2), false);
        assert_eq!((asked(&paused), paused.wake), (vec![], Some(2 * SECOND)));
        let back = schedule.step(2 * SECOND, size(2), size(2), false);
        assert_eq!(asked(&back), [(1, 0)]);
        schedule.failed(1, 2 * SECOND, Some(size(1)));
        let longer = schedule.step(2 * SECOND, size(2), size(2), false);
        assert_eq!(longer.wake, Some(4 * SECOND));
        let learnt = schedule.step(4 * SECOND, size(2), size(2), false);
        assert_eq!(
            asked(&learnt),
            [(1, 1)],
            "what it named is what it is asked from"
        );
        for _ in 0..40 {
            schedule.failed(1, Duration::ZERO, None);
        }
        let most = schedule.step(SECOND, size(2), size(2), false);
        assert_eq!(most.wake, Some(MAX_PAUSE));
    }

    #[test]
    fn a_round_without_a_quorum_ends_when_nobody_is_left_to_ask() {
        let mut schedule = Schedule::new(1, SECOND);
        assert!(
            schedule
                .step(Duration::ZERO, size(1), size(1), false)
                .begins
        );
        schedule.failed(0, Duration::ZERO, None);
        let next = schedule.step(SECOND / 2, size(2), size(2), false);
        assert!(next.begins && next.ask.is_empty(), "it is in its pause");
        assert_eq!(next.wake, Some(SECOND));
    }

    #[test]
    fn a_witness_that_is_ahead_is_asked_for_the_target_and_not_beyond_it() {
        let mut schedule = Schedule::new(1, SECOND);
        schedule.step(Duration::ZERO, size(5), size(5), false);
        schedule.failed(0, Duration::ZERO, Some(size(9)));
        let again = schedule.step(SECOND, size(5), size(5), false);
        assert_eq!(asked(&again), [(0, 5)]);
        schedule.is_newer(0, size(7));
        let between = schedule.step(5 * SECOND, size(6), size(6), false);
        assert!(between.begins && between.ask.is_empty(), "it would refuse");
        let after = schedule.step(9 * SECOND, size(8), size(8), false);
        assert_eq!(asked(&after), [(0, 7)]);
    }
}
