//! What a capture file contains, whichever of the two formats it has.
//!
//! Owns the vocabulary of captures, the limits, and the choice of the reader. Called once per file; must never copy
//! packet bytes. Costs 40 bytes per packet.

use std::fmt;

use crate::{pcap, pcapng};

/// Packets that are read of one file; those behind them are not. Ten million take 400 MB besides the file itself.
pub const MAX_PACKETS: usize = 10_000_000;
/// The longest packet, in bytes, that is taken for one: the limit of libpcap and Wireshark. A longer one is a sign of a
/// damaged file.
pub const MAX_PACKET_BYTES: usize = 262_144;
/// Problems that are listed of one file; one more says how many others there were.
pub const MAX_PROBLEMS: usize = 100;

/// What was read of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Capture<'a> {
    /// In the order of the file, which need not be that of time.
    pub packets: Vec<CapturedPacket<'a>>,
    /// What could not be read, or is doubtful: sentences without full stop, each with the packet or the byte.
    pub problems: Vec<String>,
}

/// One packet of a capture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CapturedPacket<'a> {
    /// When it was captured: nanoseconds since 1 January 1970, UTC. A packet of a block without a time (the Simple
    /// Packet Block) has that of the packet before it.
    pub time_ns: u64,
    /// What the bytes begin with.
    pub link: Link,
    /// The bytes that the capture kept.
    pub data: &'a [u8],
    /// How many bytes the packet had; more than `data` when the capture cut it.
    pub original_len: u32,
    /// Its place in the file, from 1, as Wireshark numbers frames. A packet that cannot be read has a number too.
    pub number: u32,
}

impl CapturedPacket<'_> {
    /// How many bytes the capture did not keep.
    pub fn missing_bytes(&self) -> usize {
        (self.original_len as usize).saturating_sub(self.data.len())
    }
}

/// The link layer of a packet (<https://www.tcpdump.org/linktypes.html>).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    /// Ethernet II or 802.3: 1.
    Ethernet,
    /// An IPv4 or IPv6 packet without link layer: 101, 228, 229, and 12 and 14 of some systems.
    RawIp,
    /// What Linux says when it captures on any interface: 113.
    LinuxSll,
    /// The same, second version: 276.
    LinuxSll2,
    /// Four bytes with an address family, in either byte order: 0 and 108.
    Loopback,
    /// Any other, by its number.
    Other(u16),
}

impl Link {
    /// The link layer with this number in a file.
    pub fn from_number(number: u16) -> Self {
        match number {
            1 => Self::Ethernet,
            12 | 14 | 101 | 228 | 229 => Self::RawIp,
            113 => Self::LinuxSll,
            276 => Self::LinuxSll2,
            0 | 108 => Self::Loopback,
            other => Self::Other(other),
        }
    }
}

/// Why bytes are no capture file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotACapture {
    /// Fewer bytes than a file begins with.
    TooShort,
    /// A compressed file, by the name of its format.
    Compressed(&'static str),
    /// The first four bytes are those of neither format.
    Unknown([u8; 4]),
}

impl fmt::Display for NotACapture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooShort => f.write_str("the file is too short for a capture"),
            Self::Compressed(format) => write!(f, "the file is compressed ({format}): unpack it first"),
            Self::Unknown([a, b, c, d]) => {
                write!(f, "neither pcap nor pcapng: the file begins with {a:02x} {b:02x} {c:02x} {d:02x}")
            }
        }
    }
}

impl std::error::Error for NotACapture {}

/// Reads a whole file, up to [`MAX_PACKETS`].
///
/// A file that is cut off or damaged gives the packets that can be read, and a problem.
///
/// # Errors
///
/// The bytes do not begin like a capture file.
pub fn read(bytes: &[u8]) -> Result<Capture<'_>, NotACapture> {
    read_up_to(bytes, MAX_PACKETS)
}

/// Reads the first `max_packets` of a file; that there are more is a problem, not an error.
///
/// # Errors
///
/// The bytes do not begin like a capture file.
pub fn read_up_to(bytes: &[u8], max_packets: usize) -> Result<Capture<'_>, NotACapture> {
    let magic: [u8; 4] = *bytes.first_chunk().ok_or(NotACapture::TooShort)?;
    let mut collector = Collector::new(max_packets);
    match magic {
        [0x0a, 0x0d, 0x0d, 0x0a] => pcapng::read(bytes, &mut collector),
        // Microseconds, nanoseconds, each in both byte orders; longer records of an old Linux.
        [0xd4, 0xc3, 0xb2, 0xa1]
        | [0xa1, 0xb2, 0xc3, 0xd4]
        | [0x4d, 0x3c, 0xb2, 0xa1]
        | [0xa1, 0xb2, 0x3c, 0x4d]
        | [0x34, 0xcd, 0xb2, 0xa1] => pcap::read(bytes, &mut collector),
        [0x1f, 0x8b, ..] => return Err(NotACapture::Compressed("gzip")),
        [0x28, 0xb5, 0x2f, 0xfd] => return Err(NotACapture::Compressed("zstd")),
        [0x04, 0x22, 0x4d, 0x18] => return Err(NotACapture::Compressed("lz4")),
        [0xfd, b'7', b'z', b'X'] => return Err(NotACapture::Compressed("xz")),
        [b'P', b'K', 3, 4] => return Err(NotACapture::Compressed("zip")),
        other => return Err(NotACapture::Unknown(other)),
    }
    Ok(collector.finish())
}

/// What the readers fill: counts, and keeps the limits.
pub(crate) struct Collector<'a> {
    capture: Capture<'a>,
    max_packets: usize,
    /// A packet beyond `max_packets` was there.
    full: bool,
    /// Number of the packet read last.
    number: u32,
    /// Problems beyond [`MAX_PROBLEMS`].
    unsaid: usize,
}

/// A packet as a file has it, before the limits.
pub(crate) struct Found<'a> {
    pub(crate) time_ns: i128,
    pub(crate) link: Link,
    pub(crate) data: &'a [u8],
    pub(crate) original_len: u32,
}

impl<'a> Collector<'a> {
    fn new(max_packets: usize) -> Self {
        Self { capture: Capture::default(), max_packets, full: false, number: 0, unsaid: 0 }
    }

    /// True when no further packet is wanted.
    pub(crate) fn is_full(&self) -> bool {
        self.full
    }

    /// Number of the next packet.
    pub(crate) fn next_number(&self) -> u32 {
        self.number.saturating_add(1)
    }

    /// Time of the packet before, 0 without one.
    pub(crate) fn last_time_ns(&self) -> i128 {
        self.capture.packets.last().map_or(0, |packet| packet.time_ns.into())
    }

    pub(crate) fn packet(&mut self, found: Found<'a>) {
        if self.capture.packets.len() >= self.max_packets {
            self.full = true;
            return self.problem(format!(
                "the file has more than {} packets: the rest was not read",
                self.max_packets
            ));
        }
        let number = self.next_number();
        if found.data.len() > MAX_PACKET_BYTES {
            return self.lost(&format!("is longer than {MAX_PACKET_BYTES} bytes"));
        }
        let time_ns = u64::try_from(found.time_ns.max(0)).unwrap_or(u64::MAX);
        if i128::from(time_ns) != found.time_ns {
            self.problem(format!("the time of packet {number} is not between 1970 and 2554"));
        }
        // Some writers leave the original length out.
        let original_len = found.original_len.max(found.data.len() as u32);
        let Found { link, data, .. } = found;
        self.number = number;
        self.capture.packets.push(CapturedPacket { time_ns, link, data, original_len, number });
    }

    /// Something that is no packet, but that Wireshark numbers like one.
    pub(crate) fn not_a_packet(&mut self) {
        self.number = self.next_number();
    }

    /// The next packet is there, but cannot be read.
    pub(crate) fn lost(&mut self, why: &str) {
        self.number = self.next_number();
        self.problem(format!("packet {} {why}: left out", self.number));
    }

    pub(crate) fn problem(&mut self, problem: String) {
        if self.capture.problems.len() < MAX_PROBLEMS {
            self.capture.problems.push(problem);
        } else {
            self.unsaid += 1;
        }
    }

    fn finish(mut self) -> Capture<'a> {
        if self.unsaid > 0 {
            self.capture.problems.push(format!("{} more problems", self.unsaid));
        }
        self.capture
    }
}
