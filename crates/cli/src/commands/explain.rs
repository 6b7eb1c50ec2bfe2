//! `vnetsim explain`: one code or rule, or the list of all codes. Reads no file: what it knows is compiled in.

use vnetsim_report as report;

use super::pretty;
use crate::{Answer, End, args::Output};

pub(super) fn explain(topic: Option<&str>, output: Output) -> Answer {
    let found = match (topic, output) {
        (None, Output::Table) => Some(report::codes_text()),
        (None, Output::Json) => Some(pretty(&report::codes_json())),
        (Some(topic), Output::Table) => report::explain(topic),
        (Some(topic), Output::Json) => report::explain_json(topic).map(|json| pretty(&json)),
    };
    found.map_or_else(|| nothing(topic.unwrap_or_default()), |out| Answer::text(out, End::AsExpected))
}

fn nothing(topic: &str) -> Answer {
    let near = report::topics_like(topic);
    let near = near.map_or_else(|| "; ".to_owned(), |near| format!("; did you mean `{near}`? "));
    Answer::usage(format!("nothing is called `{topic}`{near}`vnetsim explain` lists all codes"))
}
