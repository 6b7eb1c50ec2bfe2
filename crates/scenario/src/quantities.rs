//! Quantities with a unit: bytes, bits a second, shares of packets.
//!
//! Owns how each is spelt. All arithmetic is in integers, so that a file means the same on every machine. Called
//! through [`Decode`]. Must never know a record.

use serde_json::{Value, json};

use crate::{
    decode::{Cx, Decode, shown},
    yaml::Node,
};

/// An amount of bytes between two bounds, both included: `300B`, `20kB`, `1.5 MB`, `1GiB`, or a plain number.
pub(crate) struct Bytes<const LEAST: u64, const MOST: u64>;

const BYTE_UNITS: &[(&str, u64)] = &[
    ("", 1),
    ("B", 1),
    ("kB", 1_000),
    ("KB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
];

impl<const LEAST: u64, const MOST: u64> Decode for Bytes<LEAST, MOST> {
    type Out = u64;
    fn decode(node: &Node, cx: &mut Cx) -> Option<u64> {
        let text = cx.text(node, "an amount of bytes such as 50MB")?;
        let Some(bytes) = with_unit(text, BYTE_UNITS) else {
            let sentence = format!("{} is not an amount of bytes", shown(text));
            let help = match near(text, BYTE_UNITS) {
                Some(near) => {
                    format!("did you mean `{near}`? Units are B, kB, MB, GB, KiB, MiB, GiB: bytes, not bits")
                }
                None => "write it like 300B, 20kB, 50MB or 1GiB".to_owned(),
            };
            let problem = cx.bad("BAD_VALUE", node.span, &sentence);
            return cx.fail(problem.help(help));
        };
        within(bytes, LEAST, MOST, "bytes", node, cx)
    }
    fn schema() -> Value {
        let pattern = "^\\s*[0-9]+(\\.[0-9]*)?\\s*([kKMGT]?B|[KMGT]iB)?\\s*$";
        json!({ "type": ["string", "number"], "pattern": pattern, "examples": ["300B", "50MB", "1GiB"] })
    }
}

/// Bits a second: `100Mbps`, `1.5 Gbps`, `750 Mbit/s`, or a plain number.
pub(crate) struct Bandwidth;

/// 1 kbps to 1 Tbps.
const BANDWIDTHS: (u64, u64) = (1_000, 1_000_000_000_000);

const BIT_UNITS: &[(&str, u64)] = &[
    ("", 1),
    ("bps", 1),
    ("bit/s", 1),
    ("kbps", 1_000),
    ("kbit/s", 1_000),
    ("Mbps", 1_000_000),
    ("Mbit/s", 1_000_000),
    ("Gbps", 1_000_000_000),
    ("Gbit/s", 1_000_000_000),
    ("Tbps", 1_000_000_000_000),
    ("Tbit/s", 1_000_000_000_000),
];

impl Decode for Bandwidth {
    type Out = u64;
    fn decode(node: &Node, cx: &mut Cx) -> Option<u64> {
        let text = cx.text(node, "a bandwidth such as 100Mbps")?;
        let Some(bits) = with_unit(text, BIT_UNITS) else {
            let problem = cx.bad("BAD_VALUE", node.span, &format!("{} is not a bandwidth", shown(text)));
            let help = match near(text, BIT_UNITS) {
                Some(near) => {
                    format!("did you mean `{near}`? Units are bps, kbps, Mbps, Gbps: bits, not bytes")
                }
                None => "write it like 100Mbps, 1.5 Gbps or 750 Mbit/s".to_owned(),
            };
            return cx.fail(problem.help(help));
        };
        within(bits, BANDWIDTHS.0, BANDWIDTHS.1, "bits a second", node, cx)
    }
    fn schema() -> Value {
        let pattern = "^\\s*[0-9]+(\\.[0-9]*)?\\s*([kMGT]?(bps|bit/s))?\\s*$";
        json!({ "type": ["string", "number"], "pattern": pattern, "examples": ["100Mbps", "1.5 Gbps"] })
    }
}

/// A share of all packets, in millionths: `1%` or `0.01`.
pub(crate) struct Share;

/// Everything.
const WHOLE: u64 = 1_000_000;

impl Decode for Share {
    type Out = u32;
    fn decode(node: &Node, cx: &mut Cx) -> Option<u32> {
        let text = cx.text(node, "a share such as 1%")?;
        let share = with_unit(text, &[("", WHOLE), ("%", WHOLE / 100)]).filter(|share| *share <= WHOLE);
        share.and_then(|share| u32::try_from(share).ok()).or_else(|| {
            let sentence = format!("{} is not a share of the packets", shown(text));
            let problem = cx.bad("BAD_VALUE", node.span, &sentence);
            cx.fail(problem.help("write it like 1% or 0.01, from 0 to 100%, in steps of 0.0001%"))
        })
    }
    fn schema() -> Value {
        let pattern = "^\\s*[0-9]+(\\.[0-9]*)?\\s*%?\\s*$";
        json!({ "type": ["string", "number"], "pattern": pattern, "examples": ["1%", 0.01] })
    }
}

fn within(number: u64, least: u64, most: u64, of: &str, node: &Node, cx: &mut Cx) -> Option<u64> {
    if (least..=most).contains(&number) {
        return Some(number);
    }
    let problem = cx.bad("BAD_VALUE", node.span, &format!("{number} {of} are out of bounds"));
    cx.fail(problem.help(format!("it goes from {least} to {most} {of}")))
}

/// `text` with the unit that is spelt so but for its case.
fn near(text: &str, units: &[(&str, u64)]) -> Option<String> {
    let text = text.trim();
    let split = text.find(|c: char| !c.is_ascii_digit() && c != '.')?;
    let (number, unit) = (&text[..split], text[split..].trim_start());
    let (unit, _) = units.iter().find(|(spelling, _)| spelling.eq_ignore_ascii_case(unit))?;
    let near = format!("{number}{unit}");
    with_unit(&near, units).map(|_| near)
}

/// A number, decimals allowed, and the unit behind it. `None` unless it is a whole number in the end.
fn with_unit(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let text = text.trim();
    let split = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = (&text[..split], text[split..].trim_start());
    let (_, unit) = units.iter().find(|(spelling, _)| *spelling == unit)?;
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let whole = whole.parse::<u64>().ok()?.checked_mul(*unit)?;
    let fraction = fraction.trim_end_matches('0');
    let digits = u32::try_from(fraction.len()).ok()?;
    let tenth = 10_u128.checked_pow(digits)?;
    let parts = if fraction.is_empty() { 0 } else { fraction.parse::<u128>().ok()? };
    let parts = parts.checked_mul(u128::from(*unit))?;
    if !parts.is_multiple_of(tenth) {
        return None;
    }
    whole.checked_add(u64::try_from(parts / tenth).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_people_write() {
        let bytes = [
            ("50MB", 50_000_000),
            ("1 GiB", 1 << 30),
            (" 300B ", 300),
            ("20kB", 20_000),
            ("20KB", 20_000),
            ("1.5 MB", 1_500_000),
            ("0.5KiB", 512),
            ("1460", 1_460),
            ("1.0", 1),
            ("0", 0),
        ];
        for (text, number) in bytes {
            assert_eq!(with_unit(text, BYTE_UNITS), Some(number), "{text}");
        }
        let bits = [("100Mbps", 100_000_000), ("1.5 Gbps", 1_500_000_000), ("750 Mbit/s", 750_000_000)];
        for (text, number) in bits {
            assert_eq!(with_unit(text, BIT_UNITS), Some(number), "{text}");
        }
        // Bits are not bytes.
        for text in
            ["50Mb", "50mb", "1 GB/s", "1.5B", "0.0001kB", "B", "", ".5MB", "-1B", "1e6", "1..2B", "１B"]
        {
            assert_eq!(with_unit(text, BYTE_UNITS), None, "{text}");
        }
        for text in ["100MBps", "100mbps", "1Gb", "1 bps/s"] {
            assert_eq!(with_unit(text, BIT_UNITS), None, "{text}");
        }
        let long = "9".repeat(60);
        for text in
            [format!("{long}B"), format!("0.{long}MB"), format!("{long}.{long}"), "99999999TB".to_owned()]
        {
            assert_eq!(with_unit(&text, BYTE_UNITS), None, "{text}");
        }
    }
}
