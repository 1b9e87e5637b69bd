//! Archivista's interface: what witness and Tekton Chains speak to a store of attestations.

pub mod query;
