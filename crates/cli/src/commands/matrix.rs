//! `vnetsim matrix`: who can talk to whom.
//!
//! Owns how options become a question. Costs a conversation or more for each pair of ends.

use vnetsim_analysis::{Grouping, MatrixQuestion};
use vnetsim_model::Network;
use vnetsim_report as report;

use super::{Asked, pretty};
use crate::{
    Answer, End,
    args::{MatrixArgs, Output},
};

/// Asks every pair and words the answer.
pub(super) fn matrix(network: &Network, output: Output, asked: MatrixArgs) -> Asked {
    let MatrixArgs { probing, vms, subnets, from, to } = asked;
    let grouping = match (vms, subnets) {
        (true, _) => Grouping::Vms,
        (_, true) => Grouping::Subnets,
        _ => Grouping::Classes,
    };
    let (protocols, internet, workers) = (probing.protocols, probing.internet, probing.workers.number());
    let question = MatrixQuestion { grouping, protocols, from, to, internet, workers };
    let answer = vnetsim_analysis::matrix(network, &question)?;
    let out = match output {
        Output::Table => report::matrix_text(&answer),
        Output::Json => pretty(&report::matrix_json(&answer)),
    };
    Ok(Answer::text(out, End::AsExpected))
}
