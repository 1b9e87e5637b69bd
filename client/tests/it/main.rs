//! The client against servers made for the tests, and against recorded bundles.

#[cfg(test)]
mod bundles;
#[cfg(test)]
mod cli_offline;
#[cfg(test)]
mod cli_server;
#[cfg(test)]
mod fake_log;
#[cfg(test)]
mod fsck;
#[cfg(test)]
mod memory;
#[cfg(test)]
mod remotes;
#[cfg(test)]
mod serve;
#[cfg(test)]
mod tile_server;
