//! The monitor from outside.

#[cfg(test)]
mod once;
