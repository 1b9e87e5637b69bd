//! Which answers are verified.

/// Decides which answers are verified: the same ones for the same seed, whatever the order in which they come.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sampler {
    seed: u64,
    threshold: u64,
}

impl Sampler {
    /// Picks about that share (0 to 1) of the requests, and the first one unless the share is 0: a short run verifies
    /// something too.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a share of 2^64, at least 0; 1.0 saturates"
    )]
    pub(crate) fn new(seed: u64, share: f64) -> Self {
        Self {
            seed,
            threshold: ((share.clamp(0.0, 1.0) * 18_446_744_073_709_551_616.0) as u64)
                .max(u64::from(share > 0.0)),
        }
    }

    /// Whether a request is one of them.
    pub(crate) fn picks(&self, number: u64) -> bool {
        if number == 0 {
            return self.threshold > 0;
        }
        self.threshold == u64::MAX || scramble(self.seed ^ scramble(number)) < self.threshold
    }
}

/// The finaliser of splitmix64: a well mixed permutation of the numbers.
pub(crate) const fn scramble(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sampler_picks_the_first_request_unless_it_picks_none() {
        for seed in 0..100 {
            assert!(
                [1e-30, 0.01, 1.0].map(|share| Sampler::new(seed, share).picks(0)) == [true; 3]
            );
            assert!(!Sampler::new(seed, 0.0).picks(0));
        }
    }

    #[test]
    fn a_sampler_picks_its_share_and_always_the_same() {
        let sampler = Sampler::new(7, 0.01);
        let picked = (0..100_000).filter(|&number| sampler.picks(number)).count();
        assert!((900..1100).contains(&picked), "{picked}");
        let again = Sampler::new(7, 0.01);
        assert!((0..10_000).all(|number| sampler.picks(number) == again.picks(number)));
        assert!((0..10_000).all(
            |number| Sampler::new(7, 1.0).picks(number) && !Sampler::new(7, 0.0).picks(number)
        ));
        let other = Sampler::new(8, 0.01);
        assert!((0..10_000).any(|number| sampler.picks(number) != other.picks(number)));
    }
}
