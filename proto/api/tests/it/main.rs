//! The wires: round trips, refusals, and the description of the JSON surface.

#[cfg(test)]
mod openapi;
#[cfg(test)]
mod refusals;
#[cfg(test)]
mod rekor_v2;
#[cfg(test)]
mod roundtrip;
#[cfg(test)]
mod strategies;
