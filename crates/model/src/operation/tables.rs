//! Routes, security rules, and the subnets and NICs that they are associated with.

use vnetsim_types::{At, NsgId, RouteTableId, SubnetId, VnetId};

use super::{NsgTarget, Refusal, not_found, refuse};
use crate::{Network, check::same_prefix, draft};

impl Network {
    /// RT-09, RT-33; RT-28 where the table is on a `GatewaySubnet`.
    pub(super) fn put_route(&mut self, id: RouteTableId, said: &draft::Route) -> Result<(), Refusal> {
        let users = self.users_of(id);
        let before = self.faults(&users);
        let Some(route) = self.checked(|checker| checker.user_route(said))? else { return Ok(()) };
        let table = &mut self.route_tables[id.ix()];
        let same_name = |name: &At<String>| name.value.eq_ignore_ascii_case(&route.name.value);
        let others = table.routes.iter().filter(|other| !same_name(&other.name));
        if let Some(other) = others.clone().find(|other| same_prefix(other, &route)) {
            let message = format!(
                "routes `{}` and `{}` of table `{}` have the same prefix (RT-09)",
                other.name.value, route.name.value, table.name.value
            );
            return refuse("DuplicateAddressPrefix", message);
        }
        match table.routes.iter().position(|other| same_name(&other.name)) {
            Some(ix) => table.routes[ix] = route,
            None => table.routes.push(route),
        }
        let table = table.clone();
        self.checked(|checker| checker.table_limits(&table.name, &table.routes))?;
        self.no_new_faults(&before, &users)
    }

    pub(super) fn delete_route(&mut self, id: RouteTableId, name: &At<String>) -> Result<(), Refusal> {
        let table = &mut self.route_tables[id.ix()];
        let mut names = table.routes.iter().map(|route| &route.name.value);
        let Some(ix) = names.position(|other| other.eq_ignore_ascii_case(&name.value)) else {
            return not_found(format!("table `{}` has no route `{}`", table.name.value, name.value));
        };
        table.routes.remove(ix);
        Ok(())
    }

    /// NSG-02, NSG-03, NSG-27.
    pub(super) fn put_security_rule(&mut self, id: NsgId, said: &draft::SecurityRule) -> Result<(), Refusal> {
        let Some(rule) = self.checked(|checker| checker.rule(said))? else { return Ok(()) };
        self.checked(|checker| checker.rule_fits_groups(&rule))?;
        let nsg = &mut self.nsgs[id.ix()];
        nsg.rules.retain(|other| !other.name.value.eq_ignore_ascii_case(&rule.name.value));
        let key = (rule.direction, rule.priority);
        if let Some(other) = nsg.rules.iter().find(|other| (other.direction, other.priority) == key) {
            let message = format!(
                "rules `{}` and `{}` of `{}` have priority {} and the same direction (NSG-03)",
                other.name.value, rule.name.value, nsg.name.value, rule.priority
            );
            return refuse("SecurityRuleConflict", message);
        }
        let place = nsg.rules.partition_point(|other| (other.direction, other.priority) < key);
        nsg.rules.insert(place, rule);
        let nsg = nsg.clone();
        self.checked(|checker| checker.rule_limits(&nsg.name, &nsg.rules))
    }

    pub(super) fn delete_security_rule(&mut self, id: NsgId, name: &At<String>) -> Result<(), Refusal> {
        let nsg = &mut self.nsgs[id.ix()];
        let mut names = nsg.rules.iter().map(|rule| &rule.name.value);
        let Some(ix) = names.position(|other| other.eq_ignore_ascii_case(&name.value)) else {
            return not_found(format!("group `{}` has no rule `{}`", nsg.name.value, name.value));
        };
        nsg.rules.remove(ix);
        Ok(())
    }

    /// RT-14 and RT-28 on a `GatewaySubnet`.
    pub(super) fn set_route_table(
        &mut self,
        subnet: SubnetId,
        table: &Option<At<RouteTableId>>,
    ) -> Result<(), Refusal> {
        let vnet = [self[subnet].vnet];
        let before = self.faults(&vnet);
        self.subnets[subnet.ix()].route_table = table.clone();
        self.no_new_faults(&before, &vnet)
    }

    /// NSG-26 on a `GatewaySubnet`.
    pub(super) fn set_nsg(&mut self, target: NsgTarget, nsg: &Option<At<NsgId>>) -> Result<(), Refusal> {
        match target {
            NsgTarget::Nic(nic) => {
                self.nics[nic.ix()].nsg = nsg.clone();
                Ok(())
            }
            NsgTarget::Subnet(subnet) => {
                let vnet = [self[subnet].vnet];
                let before = self.faults(&vnet);
                self.subnets[subnet.ix()].nsg = nsg.clone();
                self.no_new_faults(&before, &vnet)
            }
        }
    }

    /// Virtual networks with a subnet that uses the table.
    fn users_of(&self, id: RouteTableId) -> Vec<VnetId> {
        let uses = |subnet: &&crate::Subnet| subnet.route_table.as_ref().is_some_and(|t| t.value == id);
        let mut vnets: Vec<VnetId> = self.subnets.iter().filter(uses).map(|subnet| subnet.vnet).collect();
        vnets.retain(|vnet| !self[*vnet].deleted);
        vnets.dedup();
        vnets
    }
}
