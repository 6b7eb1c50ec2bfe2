//! The newer format: blocks in sections.
//!
//! Owns the walk from block to block, the interfaces of a section, and times. `pcap_parser` reads what is inside a
//! block; its own times are not used, because they know neither binary resolutions nor offsets in the other byte order.
//! Called by `read`; must never read on behind a length that cannot be right. Costs one step per block.
//!
//! The specification is draft-ietf-opsawg-pcapng. Blocks other than sections, interfaces and packets are skipped.

use pcap_parser::{Block, InterfaceDescriptionBlock, OptionCode, parse_block_be, parse_block_le};

use crate::capture::{Collector, Found, Link};

/// Reads a file that begins with a section header.
pub(crate) fn read<'a>(bytes: &'a [u8], out: &mut Collector<'a>) {
    let mut section = Section { big_endian: false, interfaces: Vec::new() };
    let mut rest = bytes;
    while !rest.is_empty() && !out.is_full() {
        let at = bytes.len() - rest.len();
        let frame = match Frame::first(rest, section.big_endian) {
            Ok(frame) => frame,
            Err(problem) => {
                return out.problem(format!("the block at byte {at} {problem}: nothing behind it was read"));
            }
        };
        if !section.block(&frame, out) {
            return out.problem(format!("the block at byte {at} is damaged: nothing behind it was read"));
        }
        rest = &rest[frame.bytes.len()..];
    }
}

const SECTION_HEADER: u32 = 0x0a0d_0d0a;
const INTERFACE: u32 = 1;
/// The predecessor of the Enhanced Packet Block, obsolete since 2007.
const OLD_PACKET: u32 = 2;
const SIMPLE_PACKET: u32 = 3;
const ENHANCED_PACKET: u32 = 6;
/// Journal entries and custom blocks, which Wireshark lists among the packets.
const NUMBERED: [u32; 3] = [9, 0x0bad, 0x4000_0bad];

/// A block's outside.
struct Frame<'a> {
    kind: u32,
    big_endian: bool,
    bytes: &'a [u8],
}

impl<'a> Frame<'a> {
    /// The block that `rest` begins with, or why there is none.
    fn first(rest: &'a [u8], big_endian: bool) -> Result<Self, &'static str> {
        const CUT: &str = "is cut off";
        let kind = u32_at(rest, 0, big_endian).ok_or(CUT)?;
        let big_endian = match (kind, u32_at(rest, 8, true).ok_or(CUT)?) {
            (SECTION_HEADER, 0x1a2b_3c4d) => true,
            (SECTION_HEADER, 0x4d3c_2b1a) => false,
            (SECTION_HEADER, _) => return Err("has no byte order"),
            _ => big_endian,
        };
        let len = u32_at(rest, 4, big_endian).ok_or(CUT)? as usize;
        if len < 12 || !len.is_multiple_of(4) {
            return Err("has an impossible length");
        }
        let bytes = rest.get(..len).ok_or(CUT)?;
        match u32_at(bytes, len - 4, big_endian) {
            Some(again) if again as usize == len => Ok(Self { kind, big_endian, bytes }),
            _ => Err("has two different lengths"),
        }
    }

    fn is_packet(&self) -> bool {
        matches!(self.kind, OLD_PACKET | SIMPLE_PACKET | ENHANCED_PACKET)
    }
}

/// What the blocks of a section share.
struct Section {
    big_endian: bool,
    interfaces: Vec<Interface>,
}

impl Section {
    /// Takes in a block. False when it is damaged so that no later one has a meaning.
    fn block<'a>(&mut self, frame: &Frame<'a>, out: &mut Collector<'a>) -> bool {
        let parse = if frame.big_endian { parse_block_be } else { parse_block_le };
        match parse(frame.bytes) {
            Ok((_, Block::SectionHeader(header))) => {
                if header.major_version != 1 {
                    let (major, minor) = (header.major_version, header.minor_version);
                    out.problem(format!("a section has version {major}.{minor}: it may be misread"));
                }
                *self = Self { big_endian: frame.big_endian, interfaces: Vec::new() };
            }
            Ok((_, Block::InterfaceDescription(block))) => {
                self.interfaces.push(Interface::of(&block, self.big_endian));
            }
            Ok((_, Block::EnhancedPacket(block))) => {
                let ticks = u64::from(block.ts_high) << 32 | u64::from(block.ts_low);
                let data = block.data.get(..block.caplen as usize);
                self.packet(block.if_id, Some(ticks), data, block.origlen, out);
            }
            Ok((_, Block::SimplePacket(block))) => {
                let snap_len = self.interfaces.first().map_or(0, |interface| interface.snap_len);
                let limit = if snap_len == 0 { block.origlen } else { block.origlen.min(snap_len) };
                self.packet(0, None, block.data.get(..limit as usize), block.origlen, out);
            }
            Ok((_, Block::Unknown(block))) if frame.kind == OLD_PACKET => self.old_packet(block.data, out),
            _ if NUMBERED.contains(&frame.kind) => out.not_a_packet(),
            Err(_) if frame.is_packet() => out.lost("contradicts the length of its block"),
            Err(_) => return !matches!(frame.kind, SECTION_HEADER | INTERFACE),
            Ok(_) => {}
        }
        true
    }

    /// An obsolete Packet Block, without type and lengths.
    fn old_packet<'a>(&self, block: &'a [u8], out: &mut Collector<'a>) {
        let field = |at| u32_at(block, at, self.big_endian);
        let (Some(ids), Some(high), Some(low), Some(len), Some(original_len)) =
            (field(0), field(4), field(8), field(12), field(16))
        else {
            return out.lost("contradicts the length of its block");
        };
        // Two half words: the interface, and packets lost before this one.
        let interface = if self.big_endian { ids >> 16 } else { ids & 0xffff };
        let ticks = u64::from(high) << 32 | u64::from(low);
        let data = block[20..].get(..len as usize);
        self.packet(interface, Some(ticks), data, original_len, out);
    }

    /// Any packet; `ticks` are the interface's.
    fn packet<'a>(
        &self,
        interface: u32,
        ticks: Option<u64>,
        data: Option<&'a [u8]>,
        original_len: u32,
        out: &mut Collector<'a>,
    ) {
        let Some(data) = data else { return out.lost("contradicts the length of its block") };
        let Some(of) = self.interfaces.get(interface as usize) else {
            return out.lost(&format!("names interface {interface}, which its section does not describe"));
        };
        let time_ns = ticks.map_or(out.last_time_ns(), |ticks| of.time_ns(ticks));
        out.packet(Found { time_ns, link: of.link, data, original_len });
    }
}

/// What packets need to know of their interface.
struct Interface {
    link: Link,
    /// Most bytes kept of a packet; 0 means all.
    snap_len: u32,
    /// Exponent of the ticks of a second: of two with the top bit, of ten without it.
    resolution: u8,
    /// Added to all times.
    offset_s: i64,
}

impl Interface {
    fn of(block: &InterfaceDescriptionBlock<'_>, big_endian: bool) -> Self {
        let link = Link::from_number(block.linktype.0 as u16);
        let mut interface = Self { link, snap_len: block.snaplen, resolution: 6, offset_s: 0 };
        for option in block.options.iter().take_while(|option| option.code != OptionCode::EndOfOpt) {
            match (option.code, option.as_bytes().unwrap_or_default()) {
                (OptionCode::IfTsresol, &[resolution]) => interface.resolution = resolution,
                (OptionCode::IfTsoffset, &[a, b, c, d, e, f, g, h]) => {
                    let bytes = [a, b, c, d, e, f, g, h];
                    interface.offset_s =
                        if big_endian { i64::from_be_bytes(bytes) } else { i64::from_le_bytes(bytes) };
                }
                _ => {}
            }
        }
        interface
    }

    /// Nanoseconds since 1970, rounded down. Nothing overflows: 64 bits of ticks, 30 of a second's nanoseconds.
    fn time_ns(&self, ticks: u64) -> i128 {
        const SECOND_NS: i128 = 1_000_000_000;
        let ticks = i128::from(ticks);
        let exponent = u32::from(self.resolution & 0x7f);
        let since_offset = match (self.resolution & 0x80 != 0, exponent) {
            (true, _) => (ticks * SECOND_NS) >> exponent,
            (false, 0..=9) => ticks * 10_i128.pow(9 - exponent),
            (false, _) => 10_i128.checked_pow(exponent - 9).map_or(0, |divisor| ticks / divisor),
        };
        since_offset + i128::from(self.offset_s) * SECOND_NS
    }
}

/// The word at `at`, `None` beyond the end.
fn u32_at(bytes: &[u8], at: usize, big_endian: bool) -> Option<u32> {
    let word = *bytes.get(at..)?.first_chunk()?;
    Some(if big_endian { u32::from_be_bytes(word) } else { u32::from_le_bytes(word) })
}
