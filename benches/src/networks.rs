//! Networks of a given size, written as scenarios: what benches and tests forward through.

use std::fmt::Write;

use vnetsim_model::Network;
use vnetsim_scenario::load;
use vnetsim_types::FileId;

/// How large a network is.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    /// VMs in each of the two virtual networks.
    pub vms: usize,
    /// Rules of each NSG beside the default ones; half of them in each direction. There is one on every NIC and one
    /// on every subnet.
    pub rules: usize,
    /// Routes learned from on-premises, beside system routes.
    pub routes: usize,
}

/// Two peered virtual networks, `west` and `east`, with an appliance `nva` in a third one, `hub`, that both may use:
/// 10.1.0.0/16, 10.2.0.0/16, 10.0.0.0/16. VMs are `west0`, `east0` and so on, from address .0.4 on.
pub fn pair(size: Size) -> Network {
    network(&text(size, false))
}

/// The same, but each side reaches the other through `nva`, which forwards.
pub fn chain(size: Size) -> Network {
    network(&text(size, true))
}

/// Reads a scenario made here. Panics with its problems when it is wrong.
pub fn network(text: &str) -> Network {
    let outcome = load(text.as_bytes(), FileId(0));
    match outcome.scenario {
        Some(scenario) => scenario.network,
        None => panic!("a network made here is wrong: {:?}", outcome.problems.first()),
    }
}

fn text(size: Size, through_appliance: bool) -> String {
    let mut text = String::from("vnetsim: 1\nnetwork:\n  virtualNetworks:\n");
    let others = |name: &str| {
        ["hub", "west", "east"]
            .into_iter()
            .filter(|other| *other != name)
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    for (ix, name) in ["hub", "west", "east"].into_iter().enumerate() {
        let links: Vec<String> = others(name)
            .iter()
            .map(|other| {
                format!("{{name: to-{other}, remoteVirtualNetwork: {other}, allowForwardedTraffic: true}}")
            })
            .collect();
        let table = if through_appliance && ix > 0 { format!(", routeTable: {name}") } else { String::new() };
        let _ = write!(
            text,
            "    - {{name: {name}, location: westeurope, addressSpace: {{addressPrefixes: [10.{ix}.0.0/16]}},\n       \
             subnets: [{{name: s, addressPrefix: 10.{ix}.0.0/17, networkSecurityGroup: subnet{table}}},\n                 \
             {{name: GatewaySubnet, addressPrefix: 10.{ix}.255.0/24}}],\n       \
             virtualNetworkPeerings: [{}]}}\n",
            links.join(", ")
        );
    }
    if through_appliance {
        text.push_str("  routeTables:\n");
        for (name, to) in [("west", 2), ("east", 1)] {
            let _ = writeln!(
                text,
                "    - {{name: {name}, routes: [{{name: r, addressPrefix: 10.{to}.0.0/16, \
                 nextHopType: VirtualAppliance, nextHopIpAddress: 10.0.0.4}}]}}"
            );
        }
    }
    groups(&mut text, size.rules);
    sites(&mut text, size.routes);
    machines(&mut text, size.vms);
    text
}

/// Mixed rules that most packets pass on their way to one that allows them.
fn groups(text: &mut String, rules: usize) {
    text.push_str("  networkSecurityGroups:\n");
    for name in ["nic", "subnet"] {
        let _ = writeln!(text, "    - name: {name}\n      securityRules:");
        for ix in 0..rules {
            let direction = ["Inbound", "Outbound"][ix % 2];
            let (third, access) = (ix / 2 % 250, ["Allow", "Deny"][ix / 2 % 2]);
            let remote = ["sourceAddressPrefix", "destinationAddressPrefix"][ix % 2];
            let own = ["destinationAddressPrefix", "sourceAddressPrefix"][ix % 2];
            let (protocol, port) = (["Tcp", "Udp", "*"][ix % 3], 1_000 + ix * 7 % 5_000);
            let _ = writeln!(
                text,
                "        - {{name: r{ix}, priority: {}, direction: {direction}, access: {access}, protocol: \"{protocol}\", \
                 {remote}: 10.3.{third}.0/24, {own}: \"*\", destinationPortRange: {port}-{}}}",
                100 + ix,
                port + 20
            );
        }
        for (ix, direction) in ["Inbound", "Outbound"].into_iter().enumerate() {
            let _ = writeln!(
                text,
                "        - {{name: all{ix}, priority: 4000, direction: {direction}, access: Allow, protocol: \"*\", \
                 sourceAddressPrefix: 10.0.0.0/8, destinationAddressPrefix: 10.0.0.0/8}}"
            );
        }
    }
}

/// A site behind a gateway of `west` that advertises `routes` prefixes of 172.16.0.0/12.
fn sites(text: &mut String, routes: usize) {
    if routes == 0 {
        return;
    }
    let prefixes: Vec<String> = (0..routes).map(|ix| prefix(ix, routes)).collect();
    let _ = writeln!(
        text,
        "  virtualNetworkGateways:\n    - {{name: gw, gatewayType: Vpn, virtualNetwork: west}}\n  \
         localNetworkGateways:\n    - {{name: site, localNetworkAddressSpace: {{addressPrefixes: [{}]}}}}\n  \
         connections:\n    - {{name: tunnel, connectionType: IPsec, virtualNetworkGateway1: gw, localNetworkGateway2: site}}",
        prefixes.join(", ")
    );
}

/// Prefix number `ix` of `count`: /24s of 172.16.0.0/12 as long as they last, else longer ones of 11.0.0.0/8.
fn prefix(ix: usize, count: usize) -> String {
    if count <= 4_096 {
        return format!("172.{}.{}.0/24", 16 + ix / 256, ix % 256);
    }
    let ip = std::net::Ipv4Addr::from(0x0b00_0000 + (ix as u32) * 16);
    format!("{ip}/28")
}

fn machines(text: &mut String, vms: usize) {
    text.push_str("  virtualMachines:\n");
    let _ = writeln!(
        text,
        "    - {{name: nva, subnet: hub/s, privateIPAddress: 10.0.0.4, networkSecurityGroup: nic, \
         enableIPForwarding: true, guest: {{role: router}}}}"
    );
    for (side, name) in [(1, "west"), (2, "east")] {
        for vm in 0..vms {
            let host = vm + 4;
            let _ = writeln!(
                text,
                "    - {{name: {name}{vm}, subnet: {name}/s, privateIPAddress: 10.{side}.{}.{}, networkSecurityGroup: nic}}",
                host / 256,
                host % 256
            );
        }
    }
}
