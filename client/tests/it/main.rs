//! The client against servers made for the tests, and against recorded bundles.

mod bundles;
mod cli_offline;
mod cli_server;
mod fake_log;
mod fsck;
mod memory;
mod remotes;
mod serve;
mod tile_server;
