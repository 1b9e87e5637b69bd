//! Bounded cursors over bytes and over lines, whose `all` forbids anything left over.
#![cfg_attr(not(test), deny(clippy::indexing_slicing))]

/// What is left of some bytes.
#[derive(Debug, Clone)]
pub(crate) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The next `len` bytes.
    pub(crate) fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(taken)
    }

    /// The next `N` bytes.
    pub(crate) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*taken)
    }

    pub(crate) fn u8(&mut self) -> Option<u8> {
        self.array().map(u8::from_be_bytes)
    }

    pub(crate) fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_be_bytes)
    }

    pub(crate) fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_be_bytes)
    }

    /// Everything that is left.
    pub(crate) fn rest(self) -> &'a [u8] {
        self.0
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// `value`, if nothing is left.
    pub(crate) fn all<T>(&self, value: T) -> Option<T> {
        self.is_empty().then_some(value)
    }
}

/// What is left of a text of lines, each of which must end in LF.
#[derive(Debug, Clone)]
pub(crate) struct Lines<'a>(&'a str);

impl<'a> Lines<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Self(text)
    }

    /// The next line without its LF; `None` at the end, and for a line without one.
    pub(crate) fn line(&mut self) -> Option<&'a str> {
        let (line, rest) = self.0.split_once('\n')?;
        self.0 = rest;
        Some(line)
    }

    /// Everything that is left.
    pub(crate) fn rest(&self) -> &'a str {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_input_takes_nothing() {
        let mut reader = Reader::new(&[0, 1, 2]);
        assert_eq!(reader.u64(), None);
        assert_eq!(reader.u16(), Some(1));
        assert_eq!(reader.all(()), None);
        assert_eq!(reader.take(2), None);
        assert_eq!(reader.u8(), Some(2));
        assert_eq!(reader.all(7), Some(7));
    }

    #[test]
    fn a_last_line_without_its_end_is_no_line() {
        let mut lines = Lines::new("a\n\nb");
        assert_eq!(
            (lines.line(), lines.line(), lines.line()),
            (Some("a"), Some(""), None)
        );
        assert_eq!(lines.rest(), "b");
    }
}
