#![doc = include_str!("../README.md")]

mod answer;
pub mod bundle;
pub mod cli;
pub mod error;
pub mod evidence;
pub mod fsck;
pub mod grpc;
pub mod memory;
pub mod rest;
pub mod sign;
pub mod tiles;
pub mod transport;
pub mod trust;
pub mod verify;

pub use error::FetchError;
pub use grpc::GrpcRemote;
pub use memory::Memory;
pub use rest::Remote;
pub use tiles::TileReader;
pub use transport::{Http, HttpOptions};
pub use trust::LogKey;
