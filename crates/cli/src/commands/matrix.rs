//! `vnetsim matrix`: who can talk to whom.

use vnetsim_analysis::{MatrixQuestion, matrix};
use vnetsim_model::Network;
use vnetsim_report as report;

use super::{Asked, pretty};
use crate::{Answer, End, args::Output};

/// Asks every pair and words the answer.
pub(super) fn run(network: &Network, output: Output, question: &MatrixQuestion) -> Asked {
    let answer = matrix(network, question)?;
    let out = match output {
        Output::Table => report::matrix_text(&answer),
        Output::Json => pretty(&report::matrix_json(&answer)),
    };
    Ok(Answer::text(out, End::AsExpected))
}
