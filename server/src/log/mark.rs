//! The line in a final checkpoint that says so.

use jiff::Timestamp;

use super::recover::OpenError;

/// What Rekor's own frozen checkpoints begin their extension line with, and what their readers look for.
const BEGIN: &str = "Log frozen \u{2014} ";

/// An extension line that tells readers of a checkpoint that no larger one will follow. It is made once, kept in the
/// event of the freeze, and signed from there at every start: a line made again might differ.
///
/// Witnesses refuse checkpoints with extension lines (c2sp.org/tlog-checkpoint: "NOT RECOMMENDED"), so a log gets it on
/// demand only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark(String);

impl Mark {
    /// The mark of a log that was frozen at that time, in seconds since the Unix epoch. `successor` is the origin of the
    /// log that new entries go to.
    #[must_use]
    pub fn new(at: u64, successor: Option<&str>) -> Self {
        let at = i64::try_from(at).ok();
        let at = at.and_then(|at| Timestamp::from_second(at).ok());
        // As Rekor writes it: Go's `time.UnixDate` in UTC.
        let date = at
            .unwrap_or(Timestamp::MAX)
            .strftime("%a %b %e %H:%M:%S UTC %Y");
        let mut line = format!("{BEGIN}{date}");
        if let Some(successor) = successor {
            line.push_str(", followed by ");
            line.push_str(successor);
        }
        Self(line)
    }

    /// The mark that an event holds.
    ///
    /// # Errors
    /// `Events` for what no mark is: it could not be signed.
    pub fn read(line: &str) -> Result<Self, OpenError> {
        if line.starts_with(BEGIN) && !line.contains(char::is_control) {
            return Ok(Self(line.to_owned()));
        }
        Err(OpenError::Events(format!(
            "expected a mark that begins with {BEGIN:?}, found {line:?}"
        )))
    }

    /// The line, without its LF.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_tells_when_and_what_follows() {
        let plain = Mark::new(1_700_000_000, None);
        assert_eq!(
            plain.as_str(),
            "Log frozen \u{2014} Tue Nov 14 22:13:20 UTC 2023"
        );
        let day_of_one_digit = Mark::new(1_699_300_000, Some("two.example"));
        assert_eq!(
            day_of_one_digit.as_str(),
            "Log frozen \u{2014} Mon Nov  6 19:46:40 UTC 2023, followed by two.example"
        );
        for mark in [plain, day_of_one_digit, Mark::new(u64::MAX, None)] {
            assert_eq!(Mark::read(mark.as_str()).unwrap(), mark);
        }
        for line in [
            "",
            "Log frozen",
            "log frozen \u{2014} x",
            "Log frozen \u{2014} a\nb",
        ] {
            assert!(Mark::read(line).is_err(), "{line:?}");
        }
    }
}
