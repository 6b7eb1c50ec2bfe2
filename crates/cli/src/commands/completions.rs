//! `vnetsim completions`: what completes a command line, from the same definitions that read it.

use clap::CommandFactory;
use clap_complete::{Shell, generate};

use crate::{Answer, End, args::Args};

pub(super) fn completions(shell: Shell) -> Answer {
    let mut script = Vec::new();
    generate(shell, &mut Args::command(), "vnetsim", &mut script);
    Answer::text(String::from_utf8_lossy(&script).into_owned(), End::AsExpected)
}
