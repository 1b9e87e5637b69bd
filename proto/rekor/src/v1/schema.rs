//! Faults against the schema of a request, in upstream's words and with its code numbers.

use std::fmt;

/// One fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchemaError {
    code: u16,
    message: String,
}

/// One fault at least.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchemaErrors(Vec<SchemaError>);

impl SchemaError {
    fn new(code: u16, message: String) -> Self {
        Self { code, message }
    }

    /// 601: of another type.
    pub(super) fn wrong_type(name: &str, place: &str, expected: &str, found: &str) -> Self {
        let message = format!("{name} in {place} must be of type {expected}: {found:?}");
        Self::new(601, message)
    }

    /// 602: absent.
    pub(super) fn required(name: &str, place: &str) -> Self {
        Self::new(602, format!("{name} in {place} is required"))
    }

    /// 603: too long.
    pub(super) fn too_long(name: &str, place: &str, max: usize) -> Self {
        let message = format!("{name} in {place} should be at most {max} chars long");
        Self::new(603, message)
    }

    /// 605: not of this form.
    pub(super) fn pattern(name: &str, place: &str, pattern: &str) -> Self {
        Self::new(605, format!("{name} in {place} should match '{pattern}'"))
    }

    /// 606: none of the names.
    pub(super) fn one_of(name: &str, place: &str, names: &[&str]) -> Self {
        let names = names.join(" ");
        Self::new(606, format!("{name} in {place} should be one of [{names}]"))
    }

    /// 609: too small.
    pub(super) fn at_least(name: &str, place: &str, min: i64) -> Self {
        let message = format!("{name} in {place} should be greater than or equal to {min}");
        Self::new(609, message)
    }

    /// 611: too many.
    pub(super) fn too_many(name: &str, place: &str, max: usize) -> Self {
        let message = format!("{name} in {place} should have at most {max} items");
        Self::new(611, message)
    }

    /// 612: too few.
    pub(super) fn too_few(name: &str, place: &str, min: usize) -> Self {
        let message = format!("{name} in {place} should have at least {min} items");
        Self::new(612, message)
    }
}

impl SchemaErrors {
    /// `Ok` if there are none.
    pub(super) fn check(errors: Vec<SchemaError>) -> Result<(), Self> {
        if errors.is_empty() {
            Ok(())
        } else {
            Err(Self(errors))
        }
    }

    /// The `code` of the answer: that of the fault, or of several 422.
    pub fn code(&self) -> u16 {
        match self.0.as_slice() {
            [one] => one.code,
            _ => 422,
        }
    }

    /// All faults, as they stand in the answer to a fault inside of `spec`.
    pub fn list(&self) -> String {
        let lines = self.0.iter().map(|error| error.message.as_str());
        std::iter::once("validation failure list:")
            .chain(lines)
            .collect::<Vec<_>>()
            .join("\n")
    }
}

impl From<SchemaError> for SchemaErrors {
    fn from(error: SchemaError) -> Self {
        Self(vec![error])
    }
}

impl fmt::Display for SchemaErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_slice() {
            [one] => f.write_str(&one.message),
            _ => f.write_str(&self.list()),
        }
    }
}

impl std::error::Error for SchemaErrors {}
