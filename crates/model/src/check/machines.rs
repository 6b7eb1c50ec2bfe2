//! Virtual machines: their interfaces, sizes and homes.

use vnetsim_data::Data;
use vnetsim_types::{NicId, Problem, VmId};

use super::Checker;
use crate::{
    Vm, did_you_mean,
    draft::{self, Draft, Ref},
};

impl Checker {
    pub(super) fn vms(&mut self, draft: &Draft) {
        for (ix, vm) in draft.virtual_machines.iter().enumerate() {
            let nics: Vec<NicId> =
                vm.network_interfaces.iter().filter_map(|r| self.attach(VmId::new(ix), r)).collect();
            if vm.network_interfaces.is_empty() {
                let what = format!("virtual machine `{}` has no network interface", vm.name.value);
                self.problem(
                    Problem::error("MISSING_PROPERTY", vm.name.span, what)
                        .help("give it `subnet: vnet/subnet`, or list networkInterfaces"),
                );
            }
            self.size(vm);
            self.one_home(vm, &nics);
            let guest = self.guest(vm);
            self.network.vms.push(Vm {
                name: vm.name.clone(),
                size: vm.vm_size.as_ref().map(|s| s.value.clone()),
                nics,
                running: vm.running.as_ref().is_none_or(|r| r.value),
                guest,
            });
        }
    }

    fn attach(&mut self, vm: VmId, name: &Ref) -> Option<NicId> {
        let nic = self.look_up("network interface", name, |x| &x.nics)?;
        if let Some(other) = self.network.nics[nic.ix()].vm.replace(vm) {
            let what = format!("network interface `{}` is attached to two machines", name.value);
            let other = self.network.vms.get(other.ix()).map_or(name.span, |vm| vm.name.span);
            self.problem(
                Problem::error("NIC_ATTACHED_TWICE", name.span, what).related(other, "the other machine"),
            );
        }
        Some(nic)
    }

    /// VM-04: how many NICs a size takes.
    fn size(&mut self, vm: &draft::VirtualMachine) {
        let Some(size) = &vm.vm_size else { return };
        let Some(known) = Data::current().vm_size(&size.value) else {
            let what = format!("no size is called `{}`", size.value);
            let sizes = Data::current().vm_sizes().map(|size| size.name.as_str());
            let help = match did_you_mean(&size.value, sizes) {
                Some(near) => format!("did you mean `{near}`?"),
                None => "its bandwidth is not known; the machine has no cap (VM-04)".to_owned(),
            };
            return self.problem(Problem::warning("UNKNOWN_VM_SIZE", size.span, what).help(help));
        };
        let (count, most) = (vm.network_interfaces.len(), known.max_nics);
        if count > most as usize {
            let what = format!("virtual machine `{}` has {count} network interfaces", vm.name.value);
            let help = format!("size {} takes {most} (VM-04)", known.name);
            self.problem(Problem::error("OVER_LIMIT", size.span, what).help(help));
        }
    }

    /// ADDR-12: the NICs of a machine, and so their virtual networks, share its region and subscription.
    fn one_home(&mut self, vm: &draft::VirtualMachine, nics: &[NicId]) {
        let home = |nic: &NicId| {
            let vnet = self.network.vnets.get(self.network[*nic].vnet.ix())?;
            Some((vnet.location.as_str(), vnet.subscription))
        };
        let mut homes = nics.iter().filter_map(home);
        let first = homes.next();
        if homes.any(|other| Some(other) != first) {
            let what = format!("the network interfaces of `{}` are in different places", vm.name.value);
            self.problem(
                Problem::error("NICS_APART", vm.name.span, what)
                    .help("a machine shares region and subscription with all its interfaces (ADDR-12)"),
            );
        }
    }
}
