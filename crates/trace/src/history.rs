//! What the epochs of a run tell about its failures: from when to when a guest hung, a link lost packets, a probe took a
//! machine out.
//!
//! Called by `diagnose`, and by `report` for the timeline. Reads the networks of the epochs, never a packet. Costs a walk
//! over the epochs for each question.

use vnetsim_compile::Epoch;
use vnetsim_model::{GuestState, LinkEnd, LinkFault, Network};
use vnetsim_types::{DropReason, LbId, NicId, Place, SimTime};

use crate::Explainer;

/// A health probe changed its mind about a member of a pool (LB-07).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ProbeChange {
    /// When.
    pub at: SimTime,
    /// `balancer/probe`.
    pub probe: String,
    /// The member: a VM, or a NIC without one.
    pub member: String,
    /// What the probe thinks of it from then on.
    pub up: bool,
    nic: NicId,
}

impl<'a> Explainer<'a> {
    /// All changes of mind of health probes, in the order in which they happened.
    pub fn probe_changes(&self) -> Vec<ProbeChange> {
        let mut changes = Vec::new();
        for (before, after) in self.epochs().iter().zip(self.epochs().iter().skip(1)) {
            for (id, probe, nic) in probed(&after.network) {
                let up = after.network.probe_result(id, probe, nic);
                let was = before.network.probe_result(id, probe, nic);
                let Some(up) = up.filter(|up| *up != was.unwrap_or(true)) else { continue };
                let lb = &after.network[id];
                let probe = format!("{}/{}", lb.name.value, lb.probes[probe].name.value);
                let member = self.place(Place::Nic(nic));
                changes.push(ProbeChange { at: after.from, probe, member, up, nic });
            }
        }
        changes
    }

    /// The failures that the scenario caused and that explain `reason` at `at`, a sentence each.
    pub fn failures(&self, at: Place, reason: DropReason) -> Vec<String> {
        match (reason, at) {
            (DropReason::GuestDead, Place::Nic(nic)) => self.hung(nic),
            (DropReason::LinkDown | DropReason::LinkLoss, _) => self.bad_links(at, reason),
            _ => Vec::new(),
        }
    }

    fn hung(&self, nic: NicId) -> Vec<String> {
        let Some(vm) = self.network[nic].vm else { return Vec::new() };
        let place = self.place(Place::Nic(nic));
        let dead = |epoch: &Epoch| {
            epoch.network.vms().get(vm.ix()).is_some_and(|vm| vm.guest.state == GuestState::Dead)
        };
        let mut words: Vec<String> = periods(self.epochs(), dead)
            .into_iter()
            .map(|period| format!("the guest of {place} hangs {period}"))
            .collect();
        for change in self.probe_changes().into_iter().filter(|change| change.nic == nic && !change.up) {
            words.push(format!(
                "probe {} noticed at {}: new connections go elsewhere from then on, established TCP stays with {place}",
                change.probe, change.at
            ));
        }
        words
    }

    fn bad_links(&self, at: Place, reason: DropReason) -> Vec<String> {
        let own = self.ends(at);
        let bad = |fault: &LinkFault| match reason {
            DropReason::LinkDown => fault.condition.down,
            _ => !fault.condition.down && fault.condition.loss_ppm > 0,
        };
        let here = |fault: &LinkFault| {
            own.contains(&fault.from) || fault.to.is_none_or(|to| fault.both_ways && own.contains(&to))
        };
        let mut faults: Vec<LinkFault> = Vec::new();
        for fault in self.epochs().iter().flat_map(|epoch| epoch.network.link_faults()) {
            if bad(fault) && here(fault) && !faults.contains(fault) {
                faults.push(*fault);
            }
        }
        let mut words = Vec::new();
        for fault in faults {
            let there = |epoch: &Epoch| epoch.network.link_faults().contains(&fault);
            let name = |end| self.end_name(end);
            let link = match (fault.to, fault.both_ways) {
                (None, _) => format!("everything from and to {}", name(fault.from)),
                (Some(to), true) => format!("the link between {} and {}", name(fault.from), name(to)),
                (Some(to), false) => format!("the link from {} to {}", name(fault.from), name(to)),
            };
            let what = match reason {
                DropReason::LinkDown => "is down".to_owned(),
                _ => format!("loses {} %", f64::from(fault.condition.loss_ppm) / 10_000.0),
            };
            words.extend(periods(self.epochs(), there).into_iter().map(|p| format!("{link} {what} {p}")));
        }
        words
    }

    /// What a link fault may call `at`.
    fn ends(&self, at: Place) -> Vec<LinkEnd> {
        match at {
            Place::Nic(nic) => {
                let nic = &self.network[nic];
                nic.vm.map(LinkEnd::Vm).into_iter().chain([LinkEnd::Vnet(nic.vnet)]).collect()
            }
            Place::Gateway(id) => vec![LinkEnd::Vnet(self.network[id].vnet)],
            Place::PrivateEndpoint(id) => vec![LinkEnd::Vnet(self.network[id].vnet)],
            Place::Site(site) => vec![LinkEnd::Site(site)],
            Place::Internet | Place::Platform => vec![LinkEnd::Internet],
        }
    }

    fn end_name(&self, end: LinkEnd) -> String {
        match end {
            LinkEnd::Vnet(id) => self.network[id].name.value.clone(),
            LinkEnd::Vm(id) => self.network[id].name.value.clone(),
            LinkEnd::Site(id) => self.network[id].name.value.clone(),
            LinkEnd::Internet => "the internet".to_owned(),
        }
    }
}

/// Every member of a pool that a probe asks.
fn probed(network: &Network) -> impl Iterator<Item = (LbId, usize, NicId)> {
    network.load_balancers().iter().enumerate().flat_map(|(ix, lb)| {
        let mut members: Vec<NicId> = lb.pools.iter().flatten().map(|(nic, _)| *nic).collect();
        members.sort_unstable();
        members.dedup();
        let probes = 0..lb.probes.len();
        probes.flat_map(move |probe| members.clone().into_iter().map(move |nic| (LbId::new(ix), probe, nic)))
    })
}

/// `from 2 s to 20 s`, `from 2 s on`, `all the time`: while `is` holds without a break.
fn periods(epochs: &[Epoch], is: impl Fn(&Epoch) -> bool) -> Vec<String> {
    let mut periods = Vec::new();
    let mut since: Option<SimTime> = None;
    for epoch in epochs {
        match (is(epoch), since) {
            (true, None) => since = Some(epoch.from),
            (false, Some(from)) => {
                since = None;
                if epoch.from > from {
                    periods.push(format!("from {from} to {}", epoch.from));
                }
            }
            _ => {}
        }
    }
    periods.extend(since.map(|from| match from {
        SimTime::ZERO => "all the time".to_owned(),
        from => format!("from {from} on"),
    }));
    periods
}
