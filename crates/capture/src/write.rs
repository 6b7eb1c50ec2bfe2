//! Writing pcapng.
//!
//! Owns the blocks that are written: one little-endian section, Ethernet interfaces with times in nanoseconds, Enhanced
//! Packet Blocks. Called by whoever records a run; must never open a file or ask for the time. Costs one copy of each
//! frame, into a block that is reused, and one `write_all`; give it a buffered writer.
//!
//! Own code: a block is a length, bytes and options, which takes fewer lines than to fill in a library's structures.
//! The specification is draft-ietf-opsawg-pcapng.

use std::io::{self, Write};

use crate::MAX_PACKET_BYTES;

/// A point where frames are seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interface<'a> {
    /// Short name, as Wireshark's column shows it.
    pub name: &'a str,
    /// Longer description; empty for none.
    pub description: &'a str,
}

/// Which way a frame goes, seen from the machine that the interface belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// To the machine.
    Inbound,
    /// From the machine.
    Outbound,
}

/// What became of a frame.
///
/// Written as the action of a Linux traffic-control program, the only verdicts of a software switch that the format
/// knows: `TC_ACT_OK` and `TC_ACT_SHOT`. Wireshark finds dropped frames by `frame.verdict.ebpf_tc == 2`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It went on.
    Passed,
    /// It was dropped.
    Dropped,
}

/// A frame and what is known of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// Number of the interface, in the order in which they were given, from 0.
    pub interface: u32,
    /// Nanoseconds since 1 January 1970, UTC.
    pub time_ns: u64,
    /// The frame, Ethernet. Of more than [`MAX_PACKET_BYTES`] only so many are written.
    pub frame: &'a [u8],
    /// The same for one packet at all interfaces that see it.
    pub packet_id: Option<u64>,
    /// Which way it goes.
    pub direction: Option<Direction>,
    /// A sentence about it; of more than 65,535 bytes only so many are written.
    pub comment: Option<&'a str>,
    /// What became of it.
    pub verdict: Option<Verdict>,
}

/// Writes one pcapng file.
#[derive(Debug)]
pub struct PcapngWriter<W: Write> {
    out: W,
    interfaces: u32,
    block: Vec<u8>,
}

const SECTION_HEADER: u32 = 0x0a0d_0d0a;
const INTERFACE: u32 = 1;
const ENHANCED_PACKET: u32 = 6;

const LINK_ETHERNET: u16 = 1;

/// Codes of options; their meaning depends on the block.
mod option {
    pub(super) const END: u16 = 0;
    pub(super) const COMMENT: u16 = 1;
    pub(super) const SHB_USER_APPL: u16 = 4;
    pub(super) const IF_NAME: u16 = 2;
    pub(super) const IF_DESCRIPTION: u16 = 3;
    pub(super) const IF_TSRESOL: u16 = 9;
    pub(super) const EPB_FLAGS: u16 = 2;
    pub(super) const EPB_PACKET_ID: u16 = 5;
    pub(super) const EPB_VERDICT: u16 = 7;
}

impl<W: Write> PcapngWriter<W> {
    /// Begins a file: `application` is what wrote it.
    ///
    /// # Errors
    ///
    /// Those of `out`.
    pub fn new(out: W, application: &str, interfaces: &[Interface<'_>]) -> io::Result<Self> {
        let mut writer = Self { out, interfaces: 0, block: Vec::new() };
        writer.begin(SECTION_HEADER);
        writer.put(&0x1a2b_3c4d_u32.to_le_bytes());
        writer.put(&[1, 0, 0, 0]); // version 1.0
        writer.put(&(-1_i64).to_le_bytes()); // a section of unstated length
        writer.text(option::SHB_USER_APPL, application);
        writer.end()?;
        for interface in interfaces {
            writer.interface(interface)?;
        }
        Ok(writer)
    }

    /// Adds an interface and says its number. Wireshark wants it before its first frame, not before all frames.
    ///
    /// # Errors
    ///
    /// Those of the underlying writer.
    pub fn interface(&mut self, interface: &Interface<'_>) -> io::Result<u32> {
        self.begin(INTERFACE);
        self.put(&LINK_ETHERNET.to_le_bytes());
        self.put(&[0; 2]); // reserved
        self.put(&[0; 4]); // frames are kept whole
        self.text(option::IF_NAME, interface.name);
        self.text(option::IF_DESCRIPTION, interface.description);
        self.option(option::IF_TSRESOL, &[9]); // 10^-9 s
        self.end()?;
        self.interfaces += 1;
        Ok(self.interfaces - 1)
    }

    /// Writes a frame.
    ///
    /// # Errors
    ///
    /// `InvalidInput` for an interface that was not given; those of the underlying writer.
    pub fn packet(&mut self, record: &Record<'_>) -> io::Result<()> {
        if record.interface >= self.interfaces {
            let unknown = format!("interface {} of {}", record.interface, self.interfaces);
            return Err(io::Error::new(io::ErrorKind::InvalidInput, unknown));
        }
        let kept = &record.frame[..record.frame.len().min(MAX_PACKET_BYTES)];
        let original_len = u32::try_from(record.frame.len()).unwrap_or(u32::MAX);
        self.begin(ENHANCED_PACKET);
        self.put(&record.interface.to_le_bytes());
        self.put(&((record.time_ns >> 32) as u32).to_le_bytes());
        self.put(&(record.time_ns as u32).to_le_bytes());
        self.put(&(kept.len() as u32).to_le_bytes());
        self.put(&original_len.to_le_bytes());
        self.put(kept);
        self.pad();
        self.packet_options(record);
        self.end()
    }

    /// Flushes, and gives the underlying writer back.
    ///
    /// # Errors
    ///
    /// Those of the underlying writer.
    pub fn finish(mut self) -> io::Result<W> {
        self.out.flush()?;
        Ok(self.out)
    }

    fn packet_options(&mut self, record: &Record<'_>) {
        self.text(option::COMMENT, record.comment.unwrap_or_default());
        if let Some(direction) = record.direction {
            let bits: u32 = match direction {
                Direction::Inbound => 0b01,
                Direction::Outbound => 0b10,
            };
            self.option(option::EPB_FLAGS, &bits.to_le_bytes());
        }
        if let Some(id) = record.packet_id {
            self.option(option::EPB_PACKET_ID, &id.to_le_bytes());
        }
        if let Some(verdict) = record.verdict {
            let action: u64 = match verdict {
                Verdict::Passed => 0,
                Verdict::Dropped => 2,
            };
            // The first byte says whose verdict it is: 1 is eBPF in traffic control.
            let mut value = [1; 9];
            value[1..].copy_from_slice(&action.to_le_bytes());
            self.option(option::EPB_VERDICT, &value);
        }
    }

    fn begin(&mut self, kind: u32) {
        self.block.clear();
        self.put(&kind.to_le_bytes());
        self.put(&[0; 4]); // the length, known at the end
    }

    fn put(&mut self, bytes: &[u8]) {
        self.block.extend_from_slice(bytes);
    }

    fn pad(&mut self) {
        self.block.resize(self.block.len().next_multiple_of(4), 0);
    }

    /// A text; none for an empty one, and as much of a long one as an option can hold.
    fn text(&mut self, code: u16, text: &str) {
        if !text.is_empty() {
            let end = text.floor_char_boundary(usize::from(u16::MAX));
            self.option(code, &text.as_bytes()[..end]);
        }
    }

    /// An option of at most 65,535 bytes.
    fn option(&mut self, code: u16, value: &[u8]) {
        self.put(&code.to_le_bytes());
        self.put(&(value.len() as u16).to_le_bytes());
        self.put(value);
        self.pad();
    }

    /// Closes the options and writes the block. Its length stands at both ends.
    fn end(&mut self) -> io::Result<()> {
        self.option(option::END, &[]);
        let len = (self.block.len() as u32 + 4).to_le_bytes();
        self.put(&len);
        self.block[4..8].copy_from_slice(&len);
        self.out.write_all(&self.block)
    }
}
