//! Leaving by a NIC and arriving at one: stages 1 to 7 and 9 to 11 of Part 11.

use std::net::IpAddr;

use vnetsim_model::{ForwardedModel, PeeringLink, PeeringScope, VnetAccessModel};
use vnetsim_types::{Direction, DropReason, FlowKey, IpNet, IpProtocol, NicId, Place, SubnetId, VnetId};

use crate::{
    answer::{NextHopType, OracleHop, RouteSource},
    balancer::floats_to,
    choice::Question,
    nsg::{decisions, is_exempt, platform_denial},
    platform::is_platform,
    resolve::usable,
    routes::{Row, Via, choose_rows},
    tags::is_host,
    topology::{connected_link, subnet_of, vnet_of, within_listed},
    world::{Fate, FlowRecord, Packet, World},
};

impl World<'_> {
    /// The guest behind `nic` sends `packet`.
    pub(crate) fn leave(&mut self, packet: &mut Packet, nic: NicId) -> Fate {
        let here = Place::Nic(nic);
        let drop = |reason| Err((here, reason));
        if self.is_cast(packet.key.dst, nic) {
            return drop(DropReason::MulticastOrBroadcast); // FAB-05
        }
        if !is_supported(packet.key.protocol) {
            return drop(DropReason::UnsupportedProtocol); // FAB-06, U-10
        }
        if is_reserved(packet) {
            return drop(DropReason::ReservedPort); // FAB-07
        }
        if is_platform(packet.key.dst) {
            return self.ask_platform(packet, nic);
        }
        let sender = &self.network[nic];
        let floating = floats_to(self.network, nic, packet.key.src);
        let owned = sender.owns(packet.key.src) || floating || sender.enable_ip_forwarding.value;
        if !owned || is_host(packet.key.src) {
            return drop(DropReason::SourceNotOwned); // FAB-12, FAB-08
        }
        self.filter(packet, nic, Direction::Outbound)?;
        self.narrow_fabric(packet);
        self.translate_back(packet, nic);
        self.route(packet, here, self.network[nic].subnet)
    }

    /// RT-01, RT-11: asks the routes of `subnet`, then follows the winner.
    pub(crate) fn route(&mut self, packet: &mut Packet, from: Place, subnet: SubnetId) -> Fate {
        let mut rows = choose_rows(self.network, subnet, packet.key.dst);
        if rows.iter().any(|row| usable(self.network, from, row)) {
            rows.retain(|row| usable(self.network, from, row));
        }
        self.follow_one(packet, from, subnet, &rows)
    }

    /// The one row of `rows`, or one of several equal ones (FE-04).
    pub(crate) fn follow_one(
        &mut self,
        packet: &mut Packet,
        from: Place,
        subnet: SubnetId,
        rows: &[Row],
    ) -> Fate {
        let row = match rows {
            [] => {
                let (source, next_hop_type) = (RouteSource::Default, NextHopType::None);
                packet.hops.push(OracleHop::Route { subnet, prefix: None, source, next_hop_type });
                return Err((from, DropReason::RouteNone));
            }
            [only] => only,
            several => {
                let allowed: Vec<_> = several.iter().map(|row| row.route.clone()).collect();
                &several[self.choose(packet, Question::Route { subnet, allowed: &allowed })]
            }
        };
        packet.hops.push(OracleHop::Route {
            subnet,
            prefix: Some(row.route.prefix),
            source: row.route.source,
            next_hop_type: row.route.next_hop_type,
        });
        self.follow(packet, from, row)
    }

    /// `packet` comes to `nic` over the fabric.
    pub(crate) fn arrive(&mut self, packet: &mut Packet, nic: NicId, from: Place) -> Fate {
        let here = Place::Nic(nic);
        self.cross(packet, from, self.network[nic].vnet, here)?;
        self.filter(packet, nic, Direction::Inbound)?;
        let receiver = &self.network[nic];
        let floating = floats_to(self.network, nic, packet.key.dst);
        let owned = receiver.owns(packet.key.dst) || floating;
        if !owned && !receiver.enable_ip_forwarding.value {
            return Err((here, DropReason::IpForwardingDisabled)); // FAB-13
        }
        self.guest(packet, nic)
    }

    /// Stage 9: the crossing into `receiver` when `from` is in another network.
    pub(crate) fn cross(
        &mut self,
        packet: &mut Packet,
        from: Place,
        receiver: VnetId,
        here: Place,
    ) -> Result<(), (Place, DropReason)> {
        let sender = vnet_of(self.network, from).filter(|&sender| sender != receiver);
        let Some(sender) = sender else { return Ok(()) };
        // PEER-02: without both links there is no crossing; no route leads here then.
        let (Some(there), Some(back)) =
            (connected_link(self.network, sender, receiver), connected_link(self.network, receiver, sender))
        else {
            return Err((here, DropReason::NoSuchDestination));
        };
        self.narrow_path(packet, from)?;
        // PEER-08, GW-18: only a leg from NIC to NIC can be forwarded traffic, and a private endpoint is a NIC; the
        // receiver's synced copy of the sender's space says whose a source is.
        let is_nic = |place| matches!(place, Place::Nic(_) | Place::PrivateEndpoint(_));
        let between_nics = is_nic(from) && is_nic(here);
        let own = back.remote_address_space.iter().any(|block| block.contains(&packet.key.src));
        let forwarded = between_nics && !own;
        packet.hops.push(OracleHop::Peering { receiver, sender, forwarded });

        // PEER-06, strict.
        let access = there.allow_virtual_network_access.value && back.allow_virtual_network_access.value;
        if self.network.semantics().vnet_access_model == VnetAccessModel::Strict && !access {
            return Err((here, DropReason::PeeringAccessDisabled));
        }
        // PEER-26: both subnets must take part, by the word of both links.
        let (from, to) = (subnet_of(self.network, from), subnet_of(self.network, here));
        if !joins(there, from, to) || !joins(back, to, from) {
            return Err((here, DropReason::SubnetNotPeered));
        }
        // PEER-08, on the receiver's link.
        let accepted = back.allow_forwarded_traffic.value || self.field_accepts(packet, here);
        if forwarded && !accepted {
            return Err((here, DropReason::ForwardedTrafficBlocked));
        }
        Ok(())
    }

    /// U-02 `field`: the receiving subnet itself routes the packet's source to an appliance, by a user route or one
    /// that the appliance announced.
    fn field_accepts(&self, packet: &Packet, here: Place) -> bool {
        let Some(subnet) = subnet_of(self.network, here) else { return false };
        let back = choose_rows(self.network, subnet, packet.key.src).into_iter().next();
        let to_appliance = |row: &Row| {
            row.route.next_hop_type == NextHopType::VirtualAppliance || row.via == Via::RouteServer
        };
        self.network.semantics().forwarded_model == ForwardedModel::Field
            && back.as_ref().is_some_and(to_appliance)
    }

    /// Stages 4 and 5, or 10: flow record, else the NSGs, which leave a record when they allow.
    fn filter(
        &mut self,
        packet: &mut Packet,
        nic: NicId,
        direction: Direction,
    ) -> Result<(), (Place, DropReason)> {
        let key = self.judged_key(packet.key, nic, direction);
        let record = FlowRecord::of(&key, Place::Nic(nic), direction);
        if self.flows.contains(&record) {
            packet.hops.push(OracleHop::FlowHit { nic, direction }); // NSG-13
            return Ok(());
        }
        if direction == Direction::Outbound && is_exempt(self.network, self.network[nic].subnet, &key) {
            if let Some((nsg, rule)) = platform_denial(self.network, nic, &key) {
                packet.hops.push(OracleHop::Nsg { nic, direction, nsg, rule, allowed: false });
                return Err((Place::Nic(nic), DropReason::NsgDeny));
            }
            self.flows.push(record);
            return Ok(());
        }
        for decision in decisions(self.network, nic, direction, &key) {
            let (allowed, unknown) = (decision.allowed, decision.unknown);
            let (nsg, rule) = (decision.nsg, decision.rule);
            packet.hops.push(OracleHop::Nsg { nic, direction, nsg, rule, allowed });
            if unknown {
                return Err((Place::Nic(nic), DropReason::InsufficientInput)); // NSG-18
            }
            if !allowed {
                return Err((Place::Nic(nic), DropReason::NsgDeny)); // NSG-09
            }
        }
        self.flows.push(record);
        Ok(())
    }

    /// U-15: under floating IP NSGs see the NIC's own address instead of the frontend's.
    fn judged_key(&self, key: FlowKey, nic: NicId, direction: Direction) -> FlowKey {
        let near = match direction {
            Direction::Outbound => key.src,
            Direction::Inbound => key.dst,
        };
        let own = self.network[nic].address_like(near).filter(|_| floats_to(self.network, nic, near));
        match (own, direction) {
            (Some(src), Direction::Outbound) => FlowKey { src, ..key },
            (Some(dst), Direction::Inbound) => FlowKey { dst, ..key },
            (None, _) => key,
        }
    }

    /// FAB-05: multicast, limited broadcast, broadcast of a subnet of the sender's network.
    fn is_cast(&self, dst: IpAddr, nic: NicId) -> bool {
        let vnet = self.network[nic].vnet;
        let subnets = self.network.subnets().iter().filter(|subnet| subnet.vnet == vnet);
        let mut prefixes = subnets.flat_map(|subnet| &subnet.prefixes);
        let directed =
            prefixes.any(|prefix| matches!(prefix.value, IpNet::V4(v4) if IpAddr::V4(v4.broadcast()) == dst));
        within_listed(dst, &["224.0.0.0/4", "255.255.255.255/32", "ff00::/8"]) || directed
    }
}

/// PEER-24, PEER-25: `link` joins `own` subnet of its network with the `remote` one.
fn joins(link: &PeeringLink, own: Option<SubnetId>, remote: Option<SubnetId>) -> bool {
    let lists = |list: &[SubnetId], subnet: Option<SubnetId>| subnet.is_some_and(|s| list.contains(&s));
    match &link.scope {
        PeeringScope::Complete => true,
        PeeringScope::Subnets { local, remote: far } => lists(local, own) && lists(far, remote),
    }
}

/// FAB-06.
fn is_supported(protocol: IpProtocol) -> bool {
    let (tcp, udp) = (IpProtocol::TCP, IpProtocol::UDP);
    [tcp, udp, IpProtocol::ICMP, IpProtocol::ICMPV6, IpProtocol::ESP, IpProtocol::AH].contains(&protocol)
}

/// FAB-07: DHCP between guests, 68 -> 67 (to the host it is a lease to be renewed, FAB-08), its relay 67 -> 67, and
/// source port 65330.
fn is_reserved(packet: &Packet) -> bool {
    let key = packet.key;
    let dhcp = key.dst_port == 67 && (key.src_port == 67 || (key.src_port == 68 && !is_host(key.dst)));
    key.protocol == IpProtocol::UDP && (dhcp || key.src_port == 65330)
}
