//! The commands that have a counterpart in the Azure CLI: effective routes and rules, next hop, peerings, IP flow verify,
//! connection troubleshoot. With `--compat az` they print what that prints.
//!
//! Called by `run`. Must never decide: `analysis` asks, `report` words.

use std::net::IpAddr;

use serde_json::Value;
use vnetsim_analysis::{self as analysis, applied_nsgs, effective_rows, ip_flow, probe};
use vnetsim_compile::{Epoch, compile};
use vnetsim_model::{Network, SOURCE_PORT_DEFAULT, Traffic, did_you_mean};
use vnetsim_report as report;
use vnetsim_trace::Explainer;
use vnetsim_types::{
    Direction, FlowKey, IpProtocol, NicId, PeeringId, Place, ProtoPort, SimTime, SubnetId, TrafficId, VnetId,
};

use super::{Asked, pretty};
use crate::{
    Answer, End,
    args::{Compat, FlowDirection, FlowProtocol, Output},
    input::Input,
};

/// Whose words, in which form.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Style {
    /// vnetsim's own.
    Own(Output),
    /// The Azure CLI's, which prints JSON unless told otherwise.
    Az(Output),
}

impl Style {
    pub(super) fn new(output: Option<Output>, compat: Option<Compat>) -> Self {
        match compat {
            Some(Compat::Az) => Self::Az(output.unwrap_or(Output::Json)),
            None => Self::Own(output.unwrap_or(Output::Table)),
        }
    }

    fn is_az(self) -> bool {
        matches!(self, Self::Az(_))
    }
}

fn asked(out: String) -> Asked {
    Ok(Answer::text(out, End::AsExpected))
}

/// The CLI's keys are sorted.
fn az_json(mut value: Value) -> String {
    value.sort_all_objects();
    pretty(&value)
}

/// The subnet that `name` means: `vnet/subnet`, or that of a NIC or VM; and the NIC, if it is one.
fn subnet_named(network: &Network, name: &str) -> Result<(SubnetId, Option<NicId>), String> {
    let paths: Vec<String> =
        (0..network.subnets().len()).map(|ix| network.subnet_path(SubnetId::new(ix))).collect();
    if let Some(ix) = paths.iter().position(|path| path.eq_ignore_ascii_case(name)) {
        return Ok((SubnetId::new(ix), None));
    }
    if let Some(nic) = network.nic_named(name) {
        return Ok((network[nic].subnet, Some(nic)));
    }
    let nics = network.nics().iter().map(|n| n.name.value.as_str());
    let vms = network.vms().iter().map(|v| v.name.value.as_str());
    Err(match did_you_mean(name, paths.iter().map(String::as_str).chain(nics).chain(vms)) {
        Some(near) => format!("no subnet, NIC or VM `{name}`; did you mean `{near}`?"),
        None => format!("no subnet, NIC or VM `{name}`; subnets are named vnet/subnet: {}", paths.join(", ")),
    })
}

fn nic_named(network: &Network, name: &str) -> Result<NicId, String> {
    network.nic_named(name).ok_or_else(|| {
        let nics = network.nics().iter().map(|n| n.name.value.as_str());
        let vms = network.vms().iter().map(|v| v.name.value.as_str());
        let near = did_you_mean(name, nics.chain(vms)).map(|n| format!("; did you mean `{n}`?"));
        format!("no NIC or VM `{name}`{}", near.unwrap_or_default())
    })
}

/// Azure has effective data only for NICs of running VMs.
fn running(network: &Network, style: Style, nic: NicId) -> Result<(), String> {
    let runs = network[nic].vm.is_some_and(|vm| network[vm].running);
    if runs || !style.is_az() {
        return Ok(());
    }
    let name = &network[nic].name.value;
    Err(format!("{name} has no running VM, and Azure answers for running ones only; ask without --compat az"))
}

/// `vnetsim routes`.
pub(super) fn routes(network: &Network, style: Style, target: &str) -> Asked {
    let (subnet, nic) = subnet_named(network, target)?;
    nic.map_or(Ok(()), |nic| running(network, style, nic))?;
    let rows = effective_rows(&compile(network, 0), subnet);
    asked(match style {
        Style::Own(Output::Table) => report::routes_text(&rows),
        Style::Own(Output::Json) => pretty(&report::routes_json(&rows)),
        Style::Az(Output::Table) => report::az_routes_table(&rows),
        Style::Az(Output::Json) => az_json(report::az_routes(network, subnet, &rows)),
    })
}

/// `vnetsim next-hop`.
pub(super) fn next_hop(network: &Network, style: Style, nic: &str, ip: &str) -> Asked {
    let (subnet, nic) = subnet_named(network, nic)?;
    nic.map_or(Ok(()), |nic| running(network, style, nic))?;
    let dst = network.endpoint(ip, None)?.address;
    let epochs = [Epoch::new(0, SimTime::ZERO, network.clone())];
    let hop = analysis::next_hop(epochs[0].compiled(), subnet, dst);
    let az = || report::az_next_hop(network, network[subnet].vnet, &hop);
    let own = || next_hop_answer(&Explainer::new(&epochs), subnet, dst, &hop);
    asked(match style {
        Style::Own(Output::Table) => report::next_hop_text(&own()),
        Style::Own(Output::Json) => pretty(&report::next_hop_json(&own())),
        Style::Az(Output::Table) => report::az_table(&az()),
        Style::Az(Output::Json) => az_json(az()),
    })
}

fn next_hop_answer(
    explainer: &Explainer<'_>,
    subnet: SubnetId,
    dst: IpAddr,
    found: &analysis::NextHop,
) -> report::NextHopAnswer {
    let hop = explainer.route_contest(SimTime::ZERO, subnet, dst, found.route);
    let mut contest = vec![format!("{}  wins  {}", hop.decision, hop.by)];
    contest.extend(
        hop.losers
            .iter()
            .map(|l| format!("{}  {}: {}", l.route, if l.listed { "loses" } else { "gone" }, l.why)),
    );
    let network = explainer.network;
    report::NextHopAnswer {
        subnet: network.subnet_path(subnet),
        dst,
        ip: found.ip,
        kind: found.kind.to_string(),
        route_table: found
            .table
            .map_or_else(|| "System Route".to_owned(), |table| network[table].name.value.clone()),
        contest,
    }
}

/// `vnetsim nsg`.
pub(super) fn nsg(network: &Network, style: Style, name: &str) -> Asked {
    let nic = nic_named(network, name)?;
    running(network, style, nic)?;
    let compiled = compile(network, 0);
    let own = || report::nsg_listings(network, &compiled, nic);
    let az = || applied_nsgs(network, &compiled, nic);
    asked(match style {
        Style::Own(Output::Table) => report::nsg_text(&network[nic].name.value, &own()),
        Style::Own(Output::Json) => pretty(&report::nsg_json(&own())),
        Style::Az(Output::Table) => report::az_nsgs_table(&az()),
        Style::Az(Output::Json) => az_json(report::az_nsgs(&az())),
    })
}

/// `vnetsim peerings`.
pub(super) fn peerings(input: &Input, network: &Network, style: Style, vnet: Option<&str>) -> Asked {
    let names = || network.existing_vnets().map(|(_, vnet)| vnet.name.value.as_str());
    if let Some(name) = vnet.filter(|name| !names().any(|other| other.eq_ignore_ascii_case(name))) {
        let near = did_you_mean(name, names()).map(|n| format!("; did you mean `{n}`?"));
        return Err(format!("no virtual network `{name}`{}", near.unwrap_or_default()));
    }
    let wanted = |own: VnetId| vnet.is_none_or(|name| network[own].name.value.eq_ignore_ascii_case(name));
    let links: Vec<PeeringId> =
        network.existing_links().filter(|(_, link)| wanted(link.vnet)).map(|(id, _)| id).collect();
    asked(match style {
        Style::Own(Output::Table) => report::peerings_text(network, &links, &input.sources),
        Style::Own(Output::Json) => pretty(&report::peerings_json(network, &links, &input.sources)),
        Style::Az(Output::Table) => report::az_table(&report::az_peerings(network, &links)),
        Style::Az(Output::Json) => az_json(report::az_peerings(network, &links)),
    })
}

/// What `ip-flow-verify` was asked.
pub(super) struct Flow {
    pub(super) target: String,
    pub(super) direction: FlowDirection,
    pub(super) protocol: FlowProtocol,
    pub(super) local: String,
    pub(super) remote: String,
    pub(super) diagnostics: bool,
}

/// `vnetsim ip-flow-verify`.
pub(super) fn ip_flow_verify(input: &Input, network: &Network, style: Style, flow: &Flow) -> Asked {
    let nic = nic_named(network, &flow.target)?;
    running(network, style, nic)?;
    let local = end(network, "--local", &flow.local)?;
    let remote = end(network, "--remote", &flow.remote)?;
    let name = &network[nic].name.value;
    if !network[nic].owns(local.0) {
        return Err(format!("--local {} is no address of {name}", local.0));
    }
    if local.0.is_ipv4() != remote.0.is_ipv4() {
        return Err(format!("{} and {} are of different address families", local.0, remote.0));
    }
    let protocol = match flow.protocol {
        FlowProtocol::Tcp => IpProtocol::TCP,
        FlowProtocol::Udp => IpProtocol::UDP,
    };
    let (direction, src, dst) = match flow.direction {
        FlowDirection::Inbound => (Direction::Inbound, remote, local),
        FlowDirection::Outbound => (Direction::Outbound, local, remote),
    };
    let key = FlowKey { protocol, src: src.0, dst: dst.0, src_port: src.1, dst_port: dst.1 };
    let compiled = compile(network, 0);
    let answer = ip_flow(&compiled, nic, direction, &key);
    let question = report::IpFlowQuestion { network, compiled: &compiled, nic, direction, key };
    let az = || match flow.diagnostics {
        true => report::az_diagnostics(&question, &answer),
        false => report::az_ip_flow(&answer),
    };
    let out = match style {
        Style::Own(Output::Table) => report::ip_flow_text(&question, &answer, &input.sources),
        Style::Own(Output::Json) => pretty(&report::ip_flow_json(&question, &answer, &input.sources)),
        Style::Az(Output::Table) => report::az_table(&az()),
        Style::Az(Output::Json) => az_json(az()),
    };
    Ok(Answer::text(out, if answer.known { End::AsExpected } else { End::NotModelled }))
}

/// `10.20.0.4:443`, `[fd00::4]:443`, `vm1:443`; `*` for a dynamic port.
fn end(network: &Network, option: &str, text: &str) -> Result<(IpAddr, u16), String> {
    let wanted = || format!("{option} `{text}`: write an address and a port, 10.20.0.4:443");
    let (host, port) = text.rsplit_once(':').ok_or_else(wanted)?;
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let port = if port == "*" { SOURCE_PORT_DEFAULT } else { port.parse().map_err(|_| wanted())? };
    let address = match host.parse() {
        Ok(address) => address,
        Err(_) => network.endpoint(host, None).map_err(|why| format!("{option} `{text}`: {why}"))?.address,
    };
    Ok((address, port))
}

/// `vnetsim connectivity`.
pub(super) fn connectivity(
    input: &Input,
    network: &Network,
    style: Style,
    src: &str,
    dst: &str,
    protocol: ProtoPort,
) -> Asked {
    let from = network.sender(src, dst.parse().ok())?;
    let to = network.endpoint(dst, Some(from.address))?;
    if from.address.is_ipv4() != to.address.is_ipv4() {
        return Err(format!("{} and {} are of different address families", from.address, to.address));
    }
    match from.place {
        Place::Nic(nic) => running(network, style, nic)?,
        _ if style.is_az() => return Err(format!("{src} is no VM, and only a VM can test its connections")),
        _ => {}
    }
    let played = probe(network, &Traffic::probe("connectivity", from, to, protocol), None);
    let Some(answer) = analysis::connectivity(&played, TrafficId(0)) else {
        return Err(format!("{src} sent nothing to {dst}"));
    };
    let end = if played.rests_on_unmodelled() { End::NotModelled } else { End::AsExpected };
    let out = match style {
        Style::Own(Output::Table) => report::connectivity_text(&played, &answer, src, dst, &input.sources),
        Style::Own(Output::Json) => pretty(&report::connectivity_json(&played, &answer, &input.sources)),
        Style::Az(Output::Table) => report::az_table(&report::az_connectivity(&answer)),
        Style::Az(Output::Json) => az_json(report::az_connectivity(&answer)),
    };
    Ok(Answer::text(out, end))
}
