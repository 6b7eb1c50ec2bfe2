//! `vnetsim data`: the dated files of figures that are in use.

use vnetsim_data::Data;
use vnetsim_report as report;

use super::pretty;
use crate::{Answer, End, args::Output};

/// Lists them with their dates and sources.
pub(super) fn data(output: Output) -> Answer {
    let sources = Data::current().sources();
    let out = match output {
        Output::Table => report::data_text(sources),
        Output::Json => pretty(&report::data_json(sources)),
    };
    Answer::text(out, End::AsExpected)
}
