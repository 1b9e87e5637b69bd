#![doc = include_str!("../README.md")]

mod args;
mod check;
mod commands;
mod connection;
mod corpus;
mod drive;
mod files;
mod histogram;
mod process;
mod read;
mod rekor_v1;
mod rekor_v2;
mod report;
mod schedule;
mod stream;
mod submit;

use std::process::ExitCode;

use clap::Parser;

use crate::args::{Cli, Usage};

fn main() -> ExitCode {
    match commands::run(Cli::parse().command) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            eprintln!("treering-loadtest: {error:#}");
            ExitCode::from(if error.is::<Usage>() { 2 } else { 3 })
        }
    }
}
