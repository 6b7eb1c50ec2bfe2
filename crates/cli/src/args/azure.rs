//! What can be typed for the commands that have a counterpart in the Azure CLI: vnetsim's own arguments, and those of `az` for
//! the same question.
//!
//! Owns which of both was given. Read by `commands/azure_tools.rs`. Must never look at a network.

use std::{net::IpAddr, path::PathBuf};

use clap::ValueEnum;
use vnetsim_types::{IpProtocol, ProtoPort};

/// Whose answer to print.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Compat {
    /// The Azure CLI's: its JSON, or with `-o table` its table.
    Az,
}

/// What the commands of Azure's tools share.
#[derive(clap::Args, Debug)]
pub(crate) struct AzArgs {
    /// Print what another tool prints for the same question.
    #[arg(long, value_name = "TOOL")]
    pub(crate) compat: Option<Compat>,
    /// Taken as `az` takes it, and not needed: names are unique in a scenario.
    #[arg(short = 'g', long, value_name = "GROUP", hide = true)]
    pub(crate) resource_group: Option<String>,
}

/// Direction of an IP flow, seen from the VM.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum FlowDirection {
    /// Towards the VM: `--local` is the destination.
    #[value(alias = "Inbound")]
    Inbound,
    /// From the VM: `--local` is the source.
    #[value(alias = "Outbound")]
    Outbound,
}

/// Protocols of IP flow verify (DIAG-05).
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum FlowProtocol {
    /// TCP.
    #[value(alias = "TCP")]
    Tcp,
    /// UDP.
    #[value(alias = "UDP")]
    Udp,
}

/// What `vnetsim routes` takes.
#[derive(clap::Args, Debug)]
pub(crate) struct RoutesArgs {
    /// Scenario file (YAML or JSON).
    pub(crate) file: PathBuf,
    /// NIC, VM, or subnet as vnet/subnet.
    #[arg(required_unless_present = "name")]
    pub(crate) target: Option<String>,
    /// The same, as `az network nic show-effective-route-table` takes it.
    #[arg(short, long, conflicts_with = "target")]
    pub(crate) name: Option<String>,
    #[command(flatten)]
    pub(crate) az: AzArgs,
}

/// What `vnetsim next-hop` takes.
#[derive(clap::Args, Debug)]
pub(crate) struct NextHopArgs {
    /// Scenario file (YAML or JSON).
    pub(crate) file: PathBuf,
    /// NIC, VM, or subnet as vnet/subnet.
    #[arg(required_unless_present = "vm")]
    pub(crate) nic: Option<String>,
    /// Destination: an address, VM or NIC.
    #[arg(required_unless_present = "dest_ip")]
    pub(crate) ip: Option<String>,
    /// The VM, as `az network watcher show-next-hop` takes it.
    #[arg(long, conflicts_with = "nic")]
    pub(crate) vm: Option<String>,
    /// The NIC of the VM, as `az` takes it.
    #[arg(long = "nic", value_name = "NIC", requires = "vm")]
    pub(crate) nic_of_vm: Option<String>,
    /// Source address, as `az` takes it; routes do not depend on it.
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) source_ip: Option<IpAddr>,
    /// Destination, as `az` takes it.
    #[arg(long, value_name = "ADDRESS", conflicts_with = "ip")]
    pub(crate) dest_ip: Option<String>,
    #[command(flatten)]
    pub(crate) az: AzArgs,
}

/// What `vnetsim nsg` takes.
#[derive(clap::Args, Debug)]
pub(crate) struct NsgArgs {
    /// Scenario file (YAML or JSON).
    pub(crate) file: PathBuf,
    /// NIC or VM.
    #[arg(required_unless_present = "name")]
    pub(crate) nic: Option<String>,
    /// The same, as `az network nic list-effective-nsg` takes it.
    #[arg(short, long, conflicts_with = "nic")]
    pub(crate) name: Option<String>,
    #[command(flatten)]
    pub(crate) az: AzArgs,
}

/// What `vnetsim ip-flow-verify` takes.
#[derive(clap::Args, Debug)]
pub(crate) struct IpFlowVerifyArgs {
    /// Scenario file (YAML or JSON).
    pub(crate) file: PathBuf,
    /// VM or NIC whose NSGs are asked.
    #[arg(required_unless_present = "vm")]
    pub(crate) target: Option<String>,
    /// The VM, as `az network watcher test-ip-flow` takes it.
    #[arg(long, conflicts_with = "target")]
    pub(crate) vm: Option<String>,
    /// The NIC of the VM, as `az` takes it.
    #[arg(long)]
    pub(crate) nic: Option<String>,
    /// Seen from the VM.
    #[arg(long, ignore_case = true)]
    pub(crate) direction: FlowDirection,
    /// TCP or UDP.
    #[arg(long, ignore_case = true)]
    pub(crate) protocol: FlowProtocol,
    /// Address and port of the VM, 10.20.0.4:50000; `*` stands for any dynamic port.
    #[arg(long, value_name = "IP:PORT")]
    pub(crate) local: String,
    /// Address and port of the other end.
    #[arg(long, value_name = "IP:PORT")]
    pub(crate) remote: String,
    /// With `--compat az`: what `az network watcher run-configuration-diagnostic` prints, every rule tried.
    #[arg(long, requires = "compat")]
    pub(crate) diagnostics: bool,
    #[command(flatten)]
    pub(crate) az: AzArgs,
}

/// What `vnetsim connectivity` takes.
#[derive(clap::Args, Debug)]
pub(crate) struct ConnectivityArgs {
    /// Scenario file (YAML or JSON).
    pub(crate) file: PathBuf,
    /// VM or NIC that connects.
    #[arg(required_unless_present = "source_resource")]
    pub(crate) src: Option<String>,
    /// VM, NIC or address that is connected to.
    #[arg(required_unless_present_any = ["dest_resource", "dest_address"])]
    pub(crate) dst: Option<String>,
    /// Protocol and port: tcp/443, udp/53, icmp.
    #[arg(short, long, default_value = "tcp/443")]
    pub(crate) protocol: ProtoPort,
    /// The source, as `az network watcher test-connectivity` takes it.
    #[arg(long, value_name = "VM", conflicts_with = "src")]
    pub(crate) source_resource: Option<String>,
    /// The destination, as `az` takes it.
    #[arg(long, value_name = "VM", conflicts_with = "dst")]
    pub(crate) dest_resource: Option<String>,
    /// The destination's address, as `az` takes it.
    #[arg(long, value_name = "ADDRESS", conflicts_with_all = ["dst", "dest_resource"])]
    pub(crate) dest_address: Option<String>,
    /// TCP port, as `az` takes it.
    #[arg(long, value_name = "PORT", conflicts_with = "protocol", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) dest_port: Option<u16>,
    #[command(flatten)]
    pub(crate) az: AzArgs,
}

/// What `vnetsim peerings` takes.
#[derive(clap::Args, Debug)]
pub(crate) struct PeeringsArgs {
    /// Scenario file (YAML or JSON).
    pub(crate) file: PathBuf,
    /// Only the links of this virtual network.
    pub(crate) vnet: Option<String>,
    /// The same, as `az network vnet peering list` takes it.
    #[arg(long, conflicts_with = "vnet")]
    pub(crate) vnet_name: Option<String>,
    #[command(flatten)]
    pub(crate) az: AzArgs,
}

/// The first of several ways to say a name; the parser wants one of them.
fn either<'a>(ways: &[&'a Option<String>]) -> &'a str {
    ways.iter().find_map(|way| way.as_deref()).unwrap_or_default()
}

impl RoutesArgs {
    pub(crate) fn target(&self) -> &str {
        either(&[&self.target, &self.name])
    }
}

impl NextHopArgs {
    pub(crate) fn nic(&self) -> &str {
        either(&[&self.nic_of_vm, &self.nic, &self.vm])
    }

    pub(crate) fn destination(&self) -> &str {
        either(&[&self.ip, &self.dest_ip])
    }
}

impl NsgArgs {
    pub(crate) fn nic(&self) -> &str {
        either(&[&self.nic, &self.name])
    }
}

impl IpFlowVerifyArgs {
    pub(crate) fn target(&self) -> &str {
        either(&[&self.nic, &self.target, &self.vm])
    }
}

impl ConnectivityArgs {
    pub(crate) fn source(&self) -> &str {
        either(&[&self.src, &self.source_resource])
    }

    pub(crate) fn destination(&self) -> &str {
        either(&[&self.dst, &self.dest_resource, &self.dest_address])
    }

    pub(crate) fn protocol(&self) -> ProtoPort {
        let tcp = |port| ProtoPort { protocol: IpProtocol::TCP, port };
        self.dest_port.map_or(self.protocol, tcp)
    }
}

impl PeeringsArgs {
    pub(crate) fn vnet(&self) -> Option<&str> {
        self.vnet.as_deref().or(self.vnet_name.as_deref())
    }
}
