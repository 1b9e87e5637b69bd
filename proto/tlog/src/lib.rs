#![doc = include_str!("../README.md")]

pub mod checkpoint;
pub mod cosignature;
pub mod entry_bundle;
pub mod hash;
pub mod merkle;
pub mod note;
pub mod policy;
pub mod proof_file;
mod reader;
pub mod size;
pub mod tile;
pub mod witness;

pub use checkpoint::Checkpoint;
pub use hash::Hash;
pub use merkle::{CompactRange, ConsistencyProof, Growth, InclusionProof, NodeId, Nodes};
pub use size::{LeafIndex, TreeSize};
