//! The properties of load balancers.
//!
//! Owns ARM's names for them. Inside a balancer, references are short names. Must never judge meaning.

use std::net::IpAddr;

use serde_json::{Value, json};
use vnetsim_model::{LbProtocol, LbSku, LoadDistribution, ProbeProtocol, draft};
use vnetsim_types::At;

use crate::{
    decode::{Cx, Decode},
    record::record,
    values::{Ignored, LocalReference, Reference},
    yaml::{Kind, Node},
};

record! {
    SkuObject -> At<LbSku>, Arm "sku" "-", "ARM's place for the name of the SKU.";
    req name: At<LbSku> = "name", "Basic or Standard.";
    opt _tier: Ignored = "tier", "Means nothing to the simulator.";
    => |_span, _place, _cx| Some(name)
}

/// `sku: Standard` or `sku: {name: Standard}`.
pub(crate) struct Sku;

impl Decode for Sku {
    type Out = At<LbSku>;
    fn decode(node: &Node, cx: &mut Cx) -> Option<At<LbSku>> {
        match node.kind {
            Kind::Map(_) => SkuObject::decode(node, cx),
            _ => <At<LbSku>>::decode(node, cx),
        }
    }
    fn schema() -> Value {
        json!({ "anyOf": [LbSku::schema(), SkuObject::schema()] })
    }
}

record! {
    LoadBalancer -> draft::LoadBalancer, Arm "load balancer" "name", "A load balancer.";
    req name: At<String> = "name", "Unique among load balancers.";
    opt sku: Sku = "sku", "Basic or Standard.";
    list frontends: Frontend = "frontendIPConfigurations", "Its addresses.";
    list backend_pools: BackendPool = "backendAddressPools", "Its pools; ipConfigurations name the pools they are in.";
    list probes: Probe = "probes", "Its health probes.";
    list rules: LoadBalancingRule = "loadBalancingRules", "What it balances.";
    list inbound_nat_rules: InboundNatRule = "inboundNatRules", "Ports of a frontend that lead to one machine.";
    list outbound_rules: OutboundRule = "outboundRules", "How pool members reach the internet.";
    opt _nat_pools: Ignored = "inboundNatPools", "Scale sets are not simulated.";
    => |span, _place, _cx| Some(draft::LoadBalancer {
        span, name, sku, frontends, backend_pools, probes, rules, inbound_nat_rules, outbound_rules,
    })
}

record! {
    Frontend -> draft::Frontend, Arm "frontend" "name", "An address of a load balancer.";
    req name: At<String> = "name", "Unique in the balancer.";
    opt subnet: Reference = "subnet", "vnet/subnet of an internal frontend.";
    opt private_ip_address: At<IpAddr> = "privateIPAddress", "The lowest free one when absent.";
    opt public_ip_address: Reference = "publicIPAddress", "Of a public frontend.";
    opt _method: Ignored = "privateIPAllocationMethod", "An address that is given stays.";
    opt _version: Ignored = "privateIPAddressVersion", "The address says it.";
    opt _rules: Ignored = "loadBalancingRules", "Read-only; the rules say it.";
    => |span, _place, _cx| Some(draft::Frontend { span, name, subnet, private_ip_address, public_ip_address })
}

record! {
    BackendPool -> At<String>, Arm "backend pool" "name", "A pool of backends.";
    req name: At<String> = "name", "Unique in the balancer.";
    opt _members: Ignored = "backendIPConfigurations", "Read-only; the ipConfigurations say it.";
    opt _rules: Ignored = "loadBalancingRules", "Read-only; the rules say it.";
    => |_span, _place, _cx| Some(name)
}

record! {
    Probe -> draft::Probe, Arm "probe" "name",
        "A health probe. A backend is healthy while it runs and probes reach it.";
    req name: At<String> = "name", "Unique in the balancer.";
    opt protocol: At<ProbeProtocol> = "protocol", "Tcp, Http or Https.";
    opt port: At<u64> = "port", "Asked for; without it a backend is healthy while it runs.";
    opt interval_s: At<u64> = "intervalInSeconds", "Seconds between two probes, 5 to 120; 5 when absent.";
    opt number: At<u64> = "numberOfProbes", "Equal results that change a backend's state; probeThreshold counts if given.";
    opt threshold: At<u64> = "probeThreshold", "Equal results that change a backend's state; 1 when absent.";
    opt _path: Ignored = "requestPath", "Not simulated.";
    opt _rules: Ignored = "loadBalancingRules", "Read-only; the rules say it.";
    => |_span, _place, _cx| Some(draft::Probe { name, protocol, port, interval_s, threshold: threshold.or(number) })
}

record! {
    InboundNatRule -> draft::InboundNatRule, Arm "inbound NAT rule" "name", "A port of a frontend for one machine.";
    req name: At<String> = "name", "Unique in the balancer.";
    req frontend: LocalReference = "frontendIPConfiguration", "Name of a frontend.";
    req protocol: At<LbProtocol> = "protocol", "Tcp, Udp or All.";
    req frontend_port: At<u64> = "frontendPort", "Port at the frontend.";
    req backend_port: At<u64> = "backendPort", "Port at the machine.";
    opt nic: Reference = "networkInterface", "Shorthand: the NIC, or the VM whose primary NIC it is.";
    opt configuration: Reference = "backendIPConfiguration",
        "nic/ipConfiguration. Templates say it the other way round, by loadBalancerInboundNatRules.";
    opt _timeout: Ignored = "idleTimeoutInMinutes", "Means nothing to the simulator.";
    opt _floating: Ignored = "enableFloatingIP", "Means nothing to the simulator.";
    opt _reset: Ignored = "enableTcpReset", "Means nothing to the simulator.";
    => check |given, cx| [given.exclusive("networkInterface", &["backendIPConfiguration"], cx)]
    => |span, _place, _cx| {
        let backend = nic.or(configuration);
        Some(draft::InboundNatRule { span, name, frontend, protocol, frontend_port, backend_port, backend })
    }
}

record! {
    OutboundRule -> draft::OutboundRule, Arm "outbound rule" "name", "How pool members reach the internet.";
    req name: At<String> = "name", "Unique in the balancer.";
    list frontends: LocalReference = "frontendIPConfigurations", "Names of frontends.";
    req backend_pool: LocalReference = "backendAddressPool", "Name of a pool.";
    opt allocated_outbound_ports: At<u64> = "allocatedOutboundPorts", "Ports per member and frontend address.";
    opt _protocol: Ignored = "protocol", "All protocols are translated.";
    opt _timeout: Ignored = "idleTimeoutInMinutes", "Means nothing to the simulator.";
    opt _reset: Ignored = "enableTcpReset", "Means nothing to the simulator.";
    => |span, _place, _cx| Some(draft::OutboundRule { span, name, frontends, backend_pool, allocated_outbound_ports })
}

record! {
    LoadBalancingRule -> draft::LoadBalancingRule, Arm "load-balancing rule" "name", "A load-balancing rule.";
    req name: At<String> = "name", "Unique in the balancer.";
    req frontend: LocalReference = "frontendIPConfiguration", "Name of a frontend.";
    req backend_pool: LocalReference = "backendAddressPool", "Name of a pool.";
    opt probe: LocalReference = "probe", "Name of a probe.";
    req protocol: At<LbProtocol> = "protocol", "All with port 0 means HA ports.";
    req frontend_port: At<u64> = "frontendPort", "0 with protocol All covers every port.";
    req backend_port: At<u64> = "backendPort", "Port at the backend.";
    opt load_distribution: At<LoadDistribution> = "loadDistribution", "What a backend is chosen by.";
    opt enable_floating_ip: At<bool> = "enableFloatingIP", "Keeps the frontend's address as destination.";
    opt _pools: Ignored = "backendAddressPools", "Read-only copy of backendAddressPool.";
    opt idle_timeout_in_minutes: At<u64> = "idleTimeoutInMinutes", "4 to 30.";
    opt disable_outbound_snat: At<bool> = "disableOutboundSnat", "The rule gives its backends no way out.";
    opt _reset: Ignored = "enableTcpReset", "Means nothing to the simulator.";
    => |span, _place, _cx| Some(draft::LoadBalancingRule {
        span, name, frontend, backend_pool, probe, protocol, frontend_port, backend_port, load_distribution,
        enable_floating_ip, idle_timeout_in_minutes, disable_outbound_snat,
    })
}
