//! Capture files made by hand, so that the reader is not tested with the writer alone.

#![allow(dead_code)]

/// The captures of this project: name and bytes.
pub(crate) const REAL: [(&str, &[u8]); 2] = [
    ("office-http.pcap", include_bytes!("../../../../scenarios/captures/office-http.pcap")),
    ("office-http.pcapng", include_bytes!("../../../../scenarios/captures/office-http.pcapng")),
];

/// Writes numbers in one byte order.
#[derive(Clone, Copy)]
pub(crate) struct Order {
    pub(crate) big_endian: bool,
}

pub(crate) const ORDERS: [Order; 2] = [Order { big_endian: false }, Order { big_endian: true }];

impl Order {
    pub(crate) fn u16(self, n: u16) -> Vec<u8> {
        if self.big_endian { n.to_be_bytes().to_vec() } else { n.to_le_bytes().to_vec() }
    }

    pub(crate) fn u32(self, n: u32) -> Vec<u8> {
        if self.big_endian { n.to_be_bytes().to_vec() } else { n.to_le_bytes().to_vec() }
    }

    pub(crate) fn i64(self, n: i64) -> Vec<u8> {
        if self.big_endian { n.to_be_bytes().to_vec() } else { n.to_le_bytes().to_vec() }
    }

    /// Header of a pcap file.
    pub(crate) fn pcap(self, nanoseconds: bool, link: u32) -> Vec<u8> {
        let magic = if nanoseconds { 0xa1b2_3c4d } else { 0xa1b2_c3d4 };
        [self.u32(magic), self.u16(2), self.u16(4), vec![0; 8], self.u32(65_535), self.u32(link)].concat()
    }

    /// Record of a pcap file.
    pub(crate) fn record(self, seconds: u32, fraction: u32, original_len: u32, data: &[u8]) -> Vec<u8> {
        let len = data.len() as u32;
        let header = [self.u32(seconds), self.u32(fraction), self.u32(len), self.u32(original_len)].concat();
        [&header, data].concat()
    }

    /// Any block of a pcapng file.
    pub(crate) fn block(self, kind: u32, body: &[u8]) -> Vec<u8> {
        let mut body = body.to_vec();
        body.resize(body.len().next_multiple_of(4), 0);
        let len = self.u32(body.len() as u32 + 12);
        [self.u32(kind), len.clone(), body, len].concat()
    }

    pub(crate) fn section(self) -> Vec<u8> {
        let body = [self.u32(0x1a2b_3c4d), self.u16(1), self.u16(0), self.i64(-1)].concat();
        self.block(0x0a0d_0d0a, &body)
    }

    pub(crate) fn interface(self, link: u16, snap_len: u32, options: &[(u16, &[u8])]) -> Vec<u8> {
        let mut body = [self.u16(link), self.u16(0), self.u32(snap_len)].concat();
        for (code, value) in options {
            body.extend([self.u16(*code), self.u16(value.len() as u16), value.to_vec()].concat());
            body.resize(body.len().next_multiple_of(4), 0);
        }
        self.block(1, &body)
    }

    /// An Enhanced Packet Block.
    pub(crate) fn packet(self, interface: u32, ticks: u64, original_len: u32, data: &[u8]) -> Vec<u8> {
        let body = [
            self.u32(interface),
            self.u32((ticks >> 32) as u32),
            self.u32(ticks as u32),
            self.u32(data.len() as u32),
            self.u32(original_len),
            data.to_vec(),
        ];
        self.block(6, &body.concat())
    }
}
