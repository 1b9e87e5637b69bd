//! Levels of SLSA's tracks: a level implies those below it in its track.

use std::fmt;

/// A level: of a track that is known by its form, or any other text.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Level {
    /// `SLSA_BUILD_LEVEL_3`; `SLSA_LEVEL_3` of v0.2 has an empty track.
    Track {
        /// The track, `BUILD`.
        track: String,
        /// The number.
        number: u64,
    },
    /// Another organisation's, or one without a number: it implies nothing but itself.
    Other(String),
}

impl Level {
    /// Reads a level.
    pub fn parse(text: &str) -> Self {
        let other = || Self::Other(text.to_owned());
        let Some((head, digits)) = text.rsplit_once("LEVEL_") else {
            return other();
        };
        let Some(track) = head.strip_prefix("SLSA_") else {
            return other();
        };
        // `SLSA_BUILD_LEVEL_03` is not how anybody writes it.
        let plain = digits == "0" || !digits.starts_with('0');
        let number = digits.bytes().all(|byte| byte.is_ascii_digit()) && plain;
        match digits.parse() {
            Ok(value) if number => Self::Track {
                track: track.trim_end_matches('_').to_owned(),
                number: value,
            },
            _ => other(),
        }
    }

    /// Whether it is in the same track; of other levels, whether it is the same.
    pub fn same_track(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Track { track, .. }, Self::Track { track: theirs, .. }) => track == theirs,
            (one, two) => one == two,
        }
    }

    /// Whether whoever has this level has the wanted one, too.
    pub fn implies(&self, wanted: &Self) -> bool {
        match (self, wanted) {
            (Self::Track { number, .. }, Self::Track { number: least, .. }) => {
                self.same_track(wanted) && number >= least
            }
            (one, two) => one == two,
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Track { track, number } if track.is_empty() => write!(f, "SLSA_LEVEL_{number}"),
            Self::Track { track, number } => write!(f, "SLSA_{track}_LEVEL_{number}"),
            Self::Other(text) => f.write_str(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_implies_those_below_it_in_its_track() {
        let implies = |one: &str, two: &str| Level::parse(one).implies(&Level::parse(two));
        assert!(implies("SLSA_BUILD_LEVEL_3", "SLSA_BUILD_LEVEL_2"));
        assert!(implies("SLSA_BUILD_LEVEL_3", "SLSA_BUILD_LEVEL_3"));
        assert!(!implies("SLSA_BUILD_LEVEL_2", "SLSA_BUILD_LEVEL_3"));
        assert!(!implies("SLSA_SOURCE_LEVEL_3", "SLSA_BUILD_LEVEL_1"));
        assert!(!implies("SLSA_LEVEL_3", "SLSA_BUILD_LEVEL_1"));
        assert!(implies("BCID_L1", "BCID_L1") && !implies("BCID_L2", "BCID_L1"));
        assert!(!implies(
            "SLSA_BUILD_LEVEL_UNEVALUATED",
            "SLSA_BUILD_LEVEL_0"
        ));
    }

    #[test]
    fn levels_are_written_as_they_were_read() {
        for text in [
            "SLSA_BUILD_LEVEL_0",
            "SLSA_SOURCE_LEVEL_3",
            "SLSA_LEVEL_3",
            "SLSA_BUILD_LEVEL_03",
            "SLSA_BUILD_LEVEL_",
            "SLSA_BUILD_LEVEL_99999999999999999999",
            "LEVEL_1",
            "",
        ] {
            assert_eq!(Level::parse(text).to_string(), text);
        }
    }
}
