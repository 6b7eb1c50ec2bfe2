//! `vnetsim man`: the manual, from the same definitions that read a command line.

use std::path::Path;

use clap::CommandFactory;
use clap_mangen::{Man, generate_to};

use crate::{Answer, End, args::Args};

/// The main page, or one page for each command in `folder`.
pub(super) fn man(folder: Option<&Path>) -> Answer {
    let Some(folder) = folder else {
        let mut page = Vec::new();
        return match Man::new(Args::command().disable_help_subcommand(true)).render(&mut page) {
            Ok(()) => Answer::text(String::from_utf8_lossy(&page).into_owned(), End::AsExpected),
            Err(why) => Answer::usage(format!("cannot make the page: {why}")),
        };
    };
    let written = std::fs::create_dir_all(folder).and_then(|()| generate_to(Args::command(), folder));
    match written {
        Ok(()) => {
            let number = Args::command().get_subcommands().count() + 1;
            Answer::text(format!("wrote {number} pages to {}\n", folder.display()), End::AsExpected)
        }
        Err(why) => Answer::usage(format!("cannot write pages to {}: {why}", folder.display())),
    }
}
