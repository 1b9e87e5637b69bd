//! The write path without any door: the sequencer, its faults, its recovery, and the auditor after each step.

#[cfg(test)]
mod adding;
#[cfg(test)]
mod audit;
#[cfg(test)]
mod broken;
#[cfg(test)]
mod dedup;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod freezing;
#[cfg(test)]
mod fsck;
#[cfg(test)]
mod reading;
#[cfg(test)]
mod recovery;
#[cfg(test)]
mod sequencing;
#[cfg(test)]
mod stopping;
#[cfg(test)]
mod support;
