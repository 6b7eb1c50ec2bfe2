//! Interfaces, the machines that have them, and what runs inside. Part 1.2 of the semantics.

use std::net::IpAddr;

use vnetsim_types::{AsgId, At, IpNet, NicId, NsgId, ProtoPort, SimTime, SubnetId, VmId, VnetId, named_enum};

use crate::Access;

/// A network interface.
#[derive(Clone, Debug)]
pub struct Nic {
    /// `name`.
    pub name: At<String>,
    /// The VM that has it; a NIC without one delivers nothing.
    pub vm: Option<VmId>,
    /// The virtual network.
    pub vnet: VnetId,
    /// The subnet of its ipConfigurations (ADDR-13).
    pub subnet: SubnetId,
    /// The primary one first.
    pub ip_configurations: Vec<IpConfiguration>,
    /// `enableIPForwarding` (FAB-11).
    pub enable_ip_forwarding: At<bool>,
    /// NSG of the NIC itself.
    pub nsg: Option<At<NsgId>>,
}

impl Nic {
    /// True when one of the ipConfigurations has `address`.
    pub fn owns(&self, address: IpAddr) -> bool {
        self.ip_configurations.iter().any(|c| c.address == address)
    }

    /// The first address of `like`'s family.
    pub fn address_like(&self, like: IpAddr) -> Option<IpAddr> {
        self.ip_configurations.iter().map(|c| c.address).find(|a| a.is_ipv4() == like.is_ipv4())
    }
}

/// One address of a NIC.
#[derive(Clone, Debug)]
pub struct IpConfiguration {
    /// `name`.
    pub name: At<String>,
    /// Private address, given or allocated (ADDR-06).
    pub address: IpAddr,
    /// Public address, translated one to one (ADDR-18).
    pub public_address: Option<IpAddr>,
    /// Application security groups.
    pub asgs: Vec<AsgId>,
}

/// A virtual machine.
#[derive(Clone, Debug)]
pub struct Vm {
    /// `name`.
    pub name: At<String>,
    /// `hardwareProfile.vmSize`.
    pub size: Option<String>,
    /// Its NICs, the primary one first.
    pub nics: Vec<NicId>,
    /// False while stopped.
    pub running: bool,
    /// What runs inside.
    pub guest: Guest,
}

/// What runs inside a VM (simulator extension).
#[derive(Clone, Debug)]
pub struct Guest {
    /// Host, router or firewall.
    pub role: Role,
    /// The guest's own forwarding switch (FAB-14).
    pub ip_forwarding: At<bool>,
    /// Source translation of forwarded packets.
    pub snat: Snat,
    /// Ports that answer; `None` for every port.
    pub listen: Option<Vec<ProtoPort>>,
    /// Policy of a firewall, in order, with an implied deny at its end; `None` allows everything.
    pub policy: Option<Vec<PolicyRule>>,
    /// Largest IP packet that it sends, in bytes (FAB-18).
    pub mtu: u16,
    /// How a firewall takes TCP packets of connections that it does not know.
    pub tcp: TcpTracking,
    /// How long a firewall keeps a session without packets (FLOW-05).
    pub session_timeout: SimTime,
    /// Destinations that an appliance translates, in order; the first that matches decides.
    pub dnat: Vec<DestinationNat>,
    /// From the receipt of a packet to its leaving, when an appliance is idle.
    pub processing_delay: SimTime,
    /// Packets that an appliance forwards a second at most.
    pub packets_per_s: Option<u64>,
    /// Bits of IP packets that an appliance forwards a second at most.
    pub bits_per_s: Option<u64>,
    /// How long a packet waits for an appliance that is busy, at most; beyond that it is dropped.
    pub queue: SimTime,
    /// Whether it works.
    pub state: GuestState,
    /// Receive window of its TCP, in bytes (FAB-24); what its system chooses when `None`.
    pub tcp_window_bytes: Option<u32>,
}

impl Guest {
    /// From the receipt of a packet to its leaving, when nothing is said: an ordinary software appliance.
    pub const PROCESSING_DELAY_DEFAULT: SimTime = SimTime::from_micros(20);
    /// FLOW-05: Azure Firewall's TCP idle timeout.
    pub const SESSION_TIMEOUT_DEFAULT: SimTime = SimTime::from_secs(240);
    /// A choice: what routers usually hold.
    pub const QUEUE_DEFAULT: SimTime = SimTime::from_millis(50);
}

/// A translation of destinations at an appliance (simulator extension).
#[derive(Clone, Debug)]
pub struct DestinationNat {
    /// `name`.
    pub name: At<String>,
    /// Destination before translation; the appliance's own addresses when `None`.
    pub address: Option<IpAddr>,
    /// Protocol and destination port before translation; port 0 stands for every port of the protocol.
    pub port: ProtoPort,
    /// Destination after translation.
    pub to: IpAddr,
    /// Port after translation; the same when `None`.
    pub to_port: Option<u16>,
}

/// One rule of an appliance's own policy (simulator extension). Empty lists match everything.
#[derive(Clone, Debug)]
pub struct PolicyRule {
    /// `name`.
    pub name: At<String>,
    /// Verdict.
    pub access: Access,
    /// Source blocks.
    pub source: Vec<IpNet>,
    /// Destination blocks.
    pub destination: Vec<IpNet>,
    /// Protocols and destination ports; port 0 stands for every port of the protocol.
    pub ports: Vec<ProtoPort>,
}

named_enum! {
    /// What kind of machine a guest is.
    Role {
        /// Sends and receives for itself.
        Host = "host",
        /// Forwards, without state.
        Router = "router",
        /// Forwards, with a session table (FLOW-05).
        Firewall = "firewall",
    }
}

named_enum! {
    /// How a firewall takes a TCP packet without a session (FLOW-05, FAIL-03).
    TcpTracking {
        /// Only a SYN opens a session, and nothing passes before its answer did.
        Strict = "strict",
        /// Any packet that the policy allows opens one.
        Loose = "loose",
    }
}

named_enum! {
    /// Whether a guest works; the VM runs all the same.
    GuestState {
        /// It does what it is there for.
        Working = "working",
        /// It answers for itself, probes included, and forwards nothing.
        NotForwarding = "notForwarding",
        /// It neither answers nor forwards.
        Dead = "dead",
    }
}

named_enum! {
    /// Which forwarded packets leave with the appliance's own address as source.
    Snat {
        /// None.
        Never = "never",
        /// Those for public destinations.
        Internet = "internet",
        /// All.
        Always = "always",
    }
}
