//! Short words for drafts, networks and operations.

use vnetsim_model::{
    Checked, GatewayType, Network, Operation, OperationKind, Semantics, check,
    draft::{Draft, Peering, Subnet, VirtualNetwork, VirtualNetworkGateway},
};
use vnetsim_types::{At, IpNet, Severity, Span, VnetId};

pub(crate) fn text(name: &str) -> At<String> {
    name.to_owned().into()
}

pub(crate) fn block(text: &str) -> At<IpNet> {
    text.parse::<IpNet>().expect("a block").into()
}

pub(crate) fn vnet(name: &str, blocks: &[&str]) -> VirtualNetwork {
    let address_prefixes = blocks.iter().map(|text| block(text)).collect();
    VirtualNetwork { name: text(name), address_prefixes, ..VirtualNetwork::default() }
}

pub(crate) fn subnet(name: &str, prefix: &str) -> Subnet {
    Subnet { name: text(name), address_prefixes: vec![block(prefix)], ..Subnet::default() }
}

pub(crate) fn link(name: &str, to: &str) -> Peering {
    Peering { name: text(name), remote_virtual_network: text(to), ..Peering::default() }
}

pub(crate) fn gateway(name: &str, vnet: &str, kind: GatewayType) -> VirtualNetworkGateway {
    VirtualNetworkGateway {
        span: Span::default(),
        name: text(name),
        gateway_type: kind.into(),
        virtual_network: text(vnet),
        ip_configurations: Vec::new(),
        active_active: None,
        vpn_type: None,
        sku: None,
        asn: None,
        client_address_pool: Vec::new(),
    }
}

/// The network, which must have no error.
pub(crate) fn good(draft: &Draft, semantics: Semantics) -> Network {
    let Checked { network, problems } = check(draft, semantics);
    network.unwrap_or_else(|| panic!("{problems:#?}"))
}

/// Codes of the errors of a draft that must have some.
pub(crate) fn errors(draft: &Draft, semantics: Semantics) -> Vec<&'static str> {
    let checked = check(draft, semantics);
    assert!(checked.network.is_none(), "no error");
    codes(&checked, Severity::Error)
}

/// Codes of the warnings of a draft that must have no error.
pub(crate) fn warnings(draft: &Draft) -> Vec<&'static str> {
    let checked = check(draft, Semantics::default());
    assert!(checked.network.is_some(), "{:#?}", checked.problems);
    codes(&checked, Severity::Warning)
}

fn codes(checked: &Checked, severity: Severity) -> Vec<&'static str> {
    checked.problems.iter().filter(|p| p.severity == severity).map(|p| p.code).collect()
}

pub(crate) fn id(network: &Network, vnet: &str) -> VnetId {
    let position = network.vnets().iter().position(|v| v.name.value == vnet);
    VnetId::new(position.unwrap_or_else(|| panic!("no network {vnet}")))
}

/// Create or update the link `name` from one network to another.
pub(crate) fn put(network: &Network, from: &str, name: &str, to: &str) -> Operation {
    put_with(network, from, name, to, |_| {})
}

pub(crate) fn put_with(
    network: &Network,
    from: &str,
    name: &str,
    to: &str,
    flags: impl FnOnce(&mut Peering),
) -> Operation {
    let mut peering = link(name, to);
    flags(&mut peering);
    let (vnet, remote) = (id(network, from), id(network, to));
    OperationKind::PutPeering { vnet, remote, peering: Box::new(peering) }.into()
}

pub(crate) fn delete(network: &Network, from: &str, name: &str) -> Operation {
    OperationKind::DeletePeering(id(network, from), text(name)).into()
}

pub(crate) fn sync(network: &Network, from: &str, name: &str) -> Operation {
    OperationKind::SyncPeering(id(network, from), text(name)).into()
}

pub(crate) fn space(network: &Network, vnet: &str, blocks: &[&str]) -> Operation {
    OperationKind::SetAddressSpace(id(network, vnet), blocks.iter().map(|text| block(text)).collect()).into()
}

pub(crate) fn accepted(network: &mut Network, operation: &Operation) {
    if let Err(refusal) = network.apply(operation) {
        panic!("{operation:?}: {refusal:?}");
    }
}

/// Refused with that code, and nothing changed.
pub(crate) fn refused(network: &mut Network, operation: &Operation, code: &str) {
    let before = format!("{network:?}");
    let refusal = network.apply(operation).expect_err("a refusal");
    assert_eq!(refusal.code, code, "{}", refusal.message);
    assert!(!refusal.message.is_empty());
    assert_eq!(before, format!("{network:?}"), "a refused operation changed something");
}
