//! Virtual time.

use std::{fmt, ops, str::FromStr};

/// A moment or a duration of virtual time, in nanoseconds since the start of the run.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct SimTime(pub u64);

impl SimTime {
    /// The start of every run.
    pub const ZERO: Self = Self(0);

    /// From whole microseconds.
    pub const fn from_micros(us: u64) -> Self {
        Self(us * 1_000)
    }

    /// From whole milliseconds.
    pub const fn from_millis(ms: u64) -> Self {
        Self(ms * 1_000_000)
    }

    /// From whole seconds.
    pub const fn from_secs(s: u64) -> Self {
        Self(s * 1_000_000_000)
    }

    /// Time since `earlier`; zero when `earlier` is later.
    pub const fn since(self, earlier: Self) -> Self {
        Self(self.0.saturating_sub(earlier.0))
    }
}

impl ops::Add for SimTime {
    type Output = Self;
    fn add(self, rhs: Self) -> Self {
        Self(self.0.saturating_add(rhs.0))
    }
}

/// Prints in the largest unit that keeps three decimals at most: `1.25 ms`, `4 s`.
impl fmt::Display for SimTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (unit_ns, unit) = match self.0 {
            0 => return f.write_str("0 ms"),
            1..=999 => (1, "ns"),
            1_000..=999_999 => (1_000, "us"),
            1_000_000..=999_999_999 => (1_000_000, "ms"),
            _ => (1_000_000_000, "s"),
        };
        let whole = self.0 / unit_ns;
        let milli = (self.0 % unit_ns) * 1_000 / unit_ns;
        if milli == 0 {
            return write!(f, "{whole} {unit}");
        }
        let text = format!("{milli:03}");
        write!(f, "{whole}.{} {unit}", text.trim_end_matches('0'))
    }
}

/// Accepts `250ms`, `1.5 s`, `10us`, `3m`, `40ns`; a bare `0` is zero.
impl FromStr for SimTime {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let bad = || format!("`{text}` is not a time; write it like 250ms, 1.5s or 2m");
        let text = text.trim();
        let split = text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len());
        let (number, unit) = (text[..split].trim(), text[split..].trim());
        let unit_ns: u64 = match unit {
            "ns" => 1,
            "us" => 1_000,
            "ms" => 1_000_000,
            "s" => 1_000_000_000,
            "m" | "min" => 60_000_000_000,
            "" if number == "0" => 1,
            _ => return Err(bad()),
        };
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        let mut ns: u64 = whole.parse().ok().and_then(|w: u64| w.checked_mul(unit_ns)).ok_or_else(bad)?;
        let mut scale = unit_ns;
        for digit in fraction.chars() {
            scale /= 10;
            let digit = u64::from(digit.to_digit(10).ok_or_else(bad)?);
            ns = ns.checked_add(digit * scale).ok_or_else(bad)?;
        }
        Ok(Self(ns))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_people_write() {
        for (text, ns) in
            [("250ms", 250_000_000), ("1.5 s", 1_500_000_000), ("2m", 120_000_000_000), ("0", 0)]
        {
            assert_eq!(text.parse::<SimTime>().map(|t| t.0), Ok(ns), "{text}");
        }
        for text in ["", "ms", "1", "1h", "-1s", "1.x s", "99999999999999999999s"] {
            assert!(text.parse::<SimTime>().is_err(), "{text}");
        }
    }

    #[test]
    fn prints_three_decimals_at_most() {
        assert_eq!(SimTime(1_250_000).to_string(), "1.25 ms");
        assert_eq!(SimTime(4_000_000_000).to_string(), "4 s");
        assert_eq!(SimTime(0).to_string(), "0 ms");
    }
}
