//! The five-tuple.

use std::{fmt, net::IpAddr, str::FromStr};

/// An IP protocol number, with the names Azure uses for the ones it supports (FAB-06).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct IpProtocol(pub u8);

impl IpProtocol {
    /// ICMP for IPv4.
    pub const ICMP: Self = Self(1);
    /// TCP.
    pub const TCP: Self = Self(6);
    /// UDP.
    pub const UDP: Self = Self(17);
    /// Encapsulating Security Payload.
    pub const ESP: Self = Self(50);
    /// Authentication Header.
    pub const AH: Self = Self(51);
    /// ICMP for IPv6.
    pub const ICMPV6: Self = Self(58);

    /// True for either ICMP.
    pub fn is_icmp(self) -> bool {
        self == Self::ICMP || self == Self::ICMPV6
    }

    /// True where the key's ports are real ports.
    pub fn has_ports(self) -> bool {
        self == Self::TCP || self == Self::UDP
    }
}

impl fmt::Display for IpProtocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::ICMP => f.write_str("icmp"),
            Self::ICMPV6 => f.write_str("icmpv6"),
            Self::TCP => f.write_str("tcp"),
            Self::UDP => f.write_str("udp"),
            Self::ESP => f.write_str("esp"),
            Self::AH => f.write_str("ah"),
            Self(n) => write!(f, "ip-proto-{n}"),
        }
    }
}

/// The five-tuple of a packet as it stands on the wire (FLOW-01).
///
/// ICMP echo carries its identifier in both port fields, so that a reply has the reversed key.
/// Protocols without ports carry zero.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct FlowKey {
    /// IP protocol.
    pub protocol: IpProtocol,
    /// Source address.
    pub src: IpAddr,
    /// Destination address.
    pub dst: IpAddr,
    /// Source port, or the ICMP identifier.
    pub src_port: u16,
    /// Destination port, or the ICMP identifier.
    pub dst_port: u16,
}

impl FlowKey {
    /// The key of the opposite direction.
    #[must_use]
    pub fn reversed(self) -> Self {
        Self {
            protocol: self.protocol,
            src: self.dst,
            dst: self.src,
            src_port: self.dst_port,
            dst_port: self.src_port,
        }
    }
}

/// `tcp 10.20.0.4:50000 -> 10.30.0.4:443`; protocols without ports print addresses only.
impl fmt::Display for FlowKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let end = |ip: IpAddr, port: u16| match (self.protocol.has_ports(), ip) {
            (false, ip) => ip.to_string(),
            (true, IpAddr::V4(ip)) => format!("{ip}:{port}"),
            (true, IpAddr::V6(ip)) => format!("[{ip}]:{port}"),
        };
        let (src, dst) = (end(self.src, self.src_port), end(self.dst, self.dst_port));
        write!(f, "{} {src} -> {dst}", self.protocol)
    }
}

/// A protocol with a destination port where it has one: `tcp/443`, `udp/53`, `icmp`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ProtoPort {
    /// The protocol; `ICMP` also stands for ICMPv6 when the addresses are IPv6.
    pub protocol: IpProtocol,
    /// Destination port; zero for protocols without ports.
    pub port: u16,
}

impl fmt::Display for ProtoPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.protocol.has_ports() {
            write!(f, "{}/{}", self.protocol, self.port)
        } else {
            self.protocol.fmt(f)
        }
    }
}

impl FromStr for ProtoPort {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let (name, port) = match text.split_once(['/', ':']) {
            Some((name, port)) => (name, Some(port)),
            None => (text, None),
        };
        let protocol = match name.trim().to_ascii_lowercase().as_str() {
            "tcp" => IpProtocol::TCP,
            "udp" => IpProtocol::UDP,
            "icmp" | "icmpv6" | "ping" => IpProtocol::ICMP,
            "ipip" => IpProtocol(4),
            "gre" => IpProtocol(47),
            "esp" => IpProtocol::ESP,
            "ah" => IpProtocol::AH,
            "ip" => return numbered(text, port),
            _ => {
                return Err(format!("`{text}` is not a protocol; write tcp/443, udp/53, icmp, esp or ip/47"));
            }
        };
        let port = match (protocol.has_ports(), port) {
            (true, Some(port)) => match port.trim().parse::<u16>() {
                Ok(port) if port > 0 => port,
                _ => return Err(format!("`{port}` is not a port; write {name}/1 to {name}/65535")),
            },
            (true, None) => return Err(format!("`{text}` needs a port; write {name}/443")),
            (false, None) => 0,
            (false, Some(_)) => return Err(format!("{name} has no ports; write just {name}")),
        };
        Ok(Self { protocol, port })
    }
}

/// `ip/47`: a protocol by its number. Those that are written in another way, and IPv6 extension headers, are none.
fn numbered(text: &str, number: Option<&str>) -> Result<ProtoPort, String> {
    const EXTENSION_HEADERS: [u8; 9] = [0, 43, 44, 59, 60, 135, 139, 140, 253];
    let parsed = number.and_then(|n| n.trim().parse::<u8>().ok()).map(IpProtocol);
    match parsed {
        Some(named) if named.has_ports() || named.is_icmp() => {
            Err(format!("write {named} instead of `{text}`"))
        }
        Some(protocol) if !EXTENSION_HEADERS.contains(&protocol.0) => Ok(ProtoPort { protocol, port: 0 }),
        _ => Err(format!("`{text}` is not a protocol; write its number, such as ip/47")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn protocol_and_port_as_people_write_them() {
        assert_eq!("tcp/443".parse(), Ok(ProtoPort { protocol: IpProtocol::TCP, port: 443 }));
        assert_eq!("ICMP".parse(), Ok(ProtoPort { protocol: IpProtocol::ICMP, port: 0 }));
        assert_eq!("gre".parse(), Ok(ProtoPort { protocol: IpProtocol(47), port: 0 }));
        assert_eq!("ip/47".parse(), Ok(ProtoPort { protocol: IpProtocol(47), port: 0 }));
        for text in
            ["ip", "ip/6", "ip/58", "ip/44", "ip/256", "tcp", "tcp/0", "tcp/65536", "icmp/8", "sctp/1", ""]
        {
            assert!(text.parse::<ProtoPort>().is_err(), "{text}");
        }
    }
}
