//! The real server, killed with SIGKILL under load again and again. What it acknowledged must be there afterwards, with a
//! valid proof; no size may ever have two roots; and at the end of each folder the auditor finds nothing.
//!
//! `TREERING_KILL_ROUNDS` sets the number of rounds (200).

#[cfg(test)]
mod process;
#[cfg(test)]
mod rounds;
