//! The classic format: one header, then records.
//!
//! Owns nothing but the order of reading; `pcap_parser` reads the fields. Called by `read`; must never read on behind a
//! record that cannot be right, because nothing says where the next one begins. Costs one step per record.

use pcap_parser::{parse_pcap_frame, parse_pcap_frame_be, parse_pcap_frame_modified, parse_pcap_header};

use crate::{
    MAX_PACKET_BYTES,
    capture::{Collector, Found, Link},
};

/// Reads a file that begins with one of the format's magic numbers.
pub(crate) fn read<'a>(bytes: &'a [u8], out: &mut Collector<'a>) {
    let Ok((mut rest, header)) = parse_pcap_header(bytes) else {
        return out.problem("the file ends within its header".to_owned());
    };
    let record = match () {
        () if header.is_bigendian() => parse_pcap_frame_be,
        () if header.is_modified_format() => parse_pcap_frame_modified,
        () => parse_pcap_frame,
    };
    let tick_ns = if header.is_nanosecond_precision() { 1 } else { 1_000 };
    // The upper half says how long the frame check sequence is.
    let link = Link::from_number(header.network.0 as u16);
    while !rest.is_empty() && !out.is_full() {
        let at = bytes.len() - rest.len();
        let number = out.next_number();
        let Ok((after, record)) = record(rest) else {
            return out.problem(format!("the file ends within packet {number}, which begins at byte {at}"));
        };
        if record.data.len() > MAX_PACKET_BYTES {
            return out.problem(format!(
                "packet {number} at byte {at} claims {} bytes: the file is damaged and was not read further",
                record.caplen
            ));
        }
        out.packet(Found {
            time_ns: i128::from(record.ts_sec) * 1_000_000_000 + i128::from(record.ts_usec) * tick_ns,
            link,
            data: record.data,
            original_len: record.origlen,
        });
        rest = after;
    }
}
