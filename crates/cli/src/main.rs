//! `vnetsim`: the command line. The only crate that opens files, prints and exits.
//!
//! Exit codes: 0 as expected, 1 an expectation failed, a check found an error, no fix was found or two networks differ, 2 bad
//! usage or input, 3 the verdict rests on something not modelled, 130 broken off by Ctrl-C.

mod args;
mod captures;
mod commands;
mod input;
mod watch;

use std::{io::Write, process::ExitCode};

use clap::Parser;

/// What a command answers: text for standard output and for standard error, and how it ends.
pub(crate) struct Answer {
    out: String,
    err: String,
    end: End,
}

/// How a command ends.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    AsExpected = 0,
    ExpectationFailed = 1,
    BadInput = 2,
    NotModelled = 3,
    BrokenOff = 130,
}

fn main() -> ExitCode {
    let answer = commands::run(args::Args::parse());
    // A closed pipe (`vnetsim ... | head`) is no error of ours.
    let _ = std::io::stderr().write_all(answer.err.as_bytes());
    let _ = std::io::stdout().write_all(answer.out.as_bytes());
    ExitCode::from(answer.end as u8)
}
