//! Networks of a size that people have, as scenario text.
//!
//! Called by tests, benches and `examples/hub_and_spokes.rs`, which prints one. Must never be random.

use std::fmt::Write;

/// A hub with a firewall pair behind an internal load balancer, a VPN gateway with a site, and `spokes` networks with
/// `vms` machines each: three fifths in `app`, the others in `db`, which lets in its own `app` alone.
pub fn hub_and_spokes(spokes: usize, vms: usize) -> String {
    let mut text = String::from("name: Hub and spokes\nnetwork:\n  virtualNetworks:\n");
    let links: Vec<String> = (1..=spokes)
        .map(|n| {
            format!("        - {{name: to-s{n}, remoteVirtualNetwork: s{n}, allowGatewayTransit: true}}\n")
        })
        .collect();
    let _ = write!(
        text,
        "    - name: hub\n      location: westeurope\n      addressSpace: {{addressPrefixes: [10.0.0.0/16]}}\n      \
         subnets:\n        - {{name: fw, addressPrefix: 10.0.1.0/24, networkSecurityGroup: nsg-fw}}\n        \
         - {{name: shared, addressPrefix: 10.0.2.0/24}}\n        \
         - {{name: GatewaySubnet, addressPrefix: 10.0.255.0/27, routeTable: rt-gateway}}\n      \
         virtualNetworkPeerings:\n{}",
        links.concat()
    );
    for n in 1..=spokes {
        let _ = write!(
            text,
            "    - name: s{n}\n      location: westeurope\n      addressSpace: {{addressPrefixes: [10.{n}.0.0/16]}}\n      \
             subnets:\n        \
             - {{name: app, addressPrefix: 10.{n}.1.0/24, networkSecurityGroup: nsg-app, routeTable: rt-spokes}}\n        \
             - {{name: db, addressPrefix: 10.{n}.2.0/24, networkSecurityGroup: nsg-db{n}, routeTable: rt-spokes}}\n      \
             virtualNetworkPeerings:\n        \
             - {{name: to-hub, remoteVirtualNetwork: hub, allowForwardedTraffic: true, useRemoteGateways: true}}\n"
        );
    }
    text.push_str(&tables(spokes));
    text.push_str(&groups(spokes));
    text.push_str(&machines(spokes, vms));
    text.push_str(EDGE);
    text
}

/// Every spoke names the balancer for everything; the gateway does for every spoke.
fn tables(spokes: usize) -> String {
    let hop = "nextHopType: VirtualAppliance, nextHopIpAddress: 10.0.1.10";
    let mut text = format!(
        "  routeTables:\n    - name: rt-spokes\n      routes:\n        \
         - {{name: all, addressPrefix: 0.0.0.0/0, {hop}}}\n        \
         - {{name: onprem, addressPrefix: 192.168.0.0/16, {hop}}}\n    \
         - name: rt-gateway\n      routes:\n"
    );
    for n in 1..=spokes {
        let _ = writeln!(text, "        - {{name: s{n}, addressPrefix: 10.{n}.0.0/16, {hop}}}");
    }
    text
}

fn groups(spokes: usize) -> String {
    let rule = |name: &str, priority: u16, access: &str, more: &str| {
        format!(
            "        - {{name: {name}, priority: {priority}, direction: Inbound, access: {access}, protocol: \"*\"{more}}}\n"
        )
    };
    let any = ", destinationPortRange: \"*\"";
    let mut text = "  networkSecurityGroups:\n    - name: nsg-fw\n      securityRules:\n".to_owned();
    text.push_str(&rule(
        "allow-private",
        100,
        "Allow",
        &format!(", sourceAddressPrefixes: [10.0.0.0/8, 192.168.0.0/16]{any}"),
    ));
    text.push_str("    - name: nsg-app\n      securityRules:\n");
    text.push_str(&rule(
        "allow-private",
        100,
        "Allow",
        &format!(", sourceAddressPrefixes: [10.0.0.0/8, 192.168.0.0/16]{any}"),
    ));
    text.push_str(&rule("deny-other", 4096, "Deny", ""));
    for n in 1..=spokes {
        let _ = write!(text, "    - name: nsg-db{n}\n      securityRules:\n");
        text.push_str(&rule(
            "allow-app",
            100,
            "Allow",
            &format!(", sourceAddressPrefix: 10.{n}.1.0/24{any}"),
        ));
        text.push_str(&rule("deny-other", 4096, "Deny", ""));
    }
    text
}

fn machines(spokes: usize, vms: usize) -> String {
    let mut text = "  virtualMachines:\n".to_owned();
    for n in 1..=2 {
        let _ = writeln!(
            text,
            "    - {{name: fw{n}, subnet: hub/fw, privateIPAddress: 10.0.1.{}, publicIPAddress: pip-fw{n}, \
             enableIPForwarding: true, \
             loadBalancerBackendAddressPools: [ilb-fw/fws], guest: {{role: firewall, snat: internet}}}}",
            3 + n
        );
    }
    text.push_str("    - {name: dns, subnet: hub/shared}\n");
    for n in 1..=spokes {
        for vm in 1..=vms {
            let subnet = if vm * 5 <= vms * 3 { "app" } else { "db" };
            let _ = writeln!(text, "    - {{name: vm{n}-{vm}, subnet: s{n}/{subnet}}}");
        }
    }
    text
}

const EDGE: &str = "  publicIPAddresses:
    - {name: pip-fw1, ipAddress: 203.0.113.1}
    - {name: pip-fw2, ipAddress: 203.0.113.2}
    - {name: pip-gw, ipAddress: 203.0.113.3}
  loadBalancers:
    - name: ilb-fw
      sku: Standard
      frontendIPConfigurations: [{name: fe, subnet: hub/fw, privateIPAddress: 10.0.1.10}]
      backendAddressPools: [{name: fws}]
      probes: [{name: p, protocol: Tcp, port: 8443}]
      loadBalancingRules:
        - {name: ha, frontendIPConfiguration: fe, backendAddressPool: fws, probe: p, protocol: All, frontendPort: 0, backendPort: 0}
  virtualNetworkGateways:
    - {name: gw, gatewayType: Vpn, virtualNetwork: hub, publicIPAddress: pip-gw}
  localNetworkGateways:
    - {name: onprem, localNetworkAddressSpace: {addressPrefixes: [192.168.0.0/16]}}
  connections:
    - {name: to-onprem, connectionType: IPsec, virtualNetworkGateway1: gw, localNetworkGateway2: onprem}
";
