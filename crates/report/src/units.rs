//! Figures with the units that people read.
//!
//! Machines get the unrounded ones.

use vnetsim_sim::Spread;
use vnetsim_types::SimTime;

/// `1,234,567`.
pub(crate) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (ix, digit) in digits.chars().enumerate() {
        if ix > 0 && (digits.len() - ix).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// `1 packet`, `1,234 packets`.
pub(crate) fn counted(number: u64, what: &str) -> String {
    format!("{} {what}{}", count(number), if number == 1 { "" } else { "s" })
}

/// `10.0 MB`, with decimal units as networks count.
pub(crate) fn bytes(number: u64) -> String {
    const UNITS: [(u64, &str); 4] =
        [(1_000_000_000_000, "TB"), (1_000_000_000, "GB"), (1_000_000, "MB"), (1_000, "kB")];
    match UNITS.iter().find(|(size, _)| number >= *size) {
        Some((size, unit)) => format!("{} {unit}", three_figures(number as f64 / *size as f64)),
        None => format!("{number} B"),
    }
}

/// `812 Mbps`.
pub(crate) fn rate(bits_per_s: u64) -> String {
    const UNITS: [(u64, &str); 3] = [(1_000_000_000, "Gbps"), (1_000_000, "Mbps"), (1_000, "kbps")];
    match UNITS.iter().find(|(size, _)| bits_per_s >= *size) {
        Some((size, unit)) => format!("{} {unit}", three_figures(bits_per_s as f64 / *size as f64)),
        None => format!("{bits_per_s} bps"),
    }
}

/// Three figures that count, seconds whole: `9.51 ms`, `1.2 s`, `3600 s`.
pub(crate) fn time(time: SimTime) -> String {
    let digits = time.0.checked_ilog10().unwrap_or_default();
    let step = 10_u64.pow(digits.saturating_sub(2).min(9));
    SimTime((time.0 + step / 2) / step * step).to_string()
}

/// `0.81 / 1.02 / 1.4 ms`: the shortest, the mean, the longest; empty of nothing.
pub(crate) fn spread(spread: &Spread) -> String {
    match spread.mean() {
        None => String::new(),
        Some(mean) => format!("{} / {} / {}", time(spread.least), time(mean), time(spread.most)),
    }
}

/// `1.02 %` of `all`.
pub(crate) fn share(part: u64, all: u64) -> String {
    if part == 0 || all == 0 {
        return "0 %".to_owned();
    }
    let percent = part as f64 * 100.0 / all as f64;
    if percent < 0.01 { "< 0.01 %".to_owned() } else { format!("{} %", three_figures(percent)) }
}

fn three_figures(number: f64) -> String {
    let decimals = if number >= 99.95 {
        0
    } else if number >= 9.995 {
        1
    } else {
        2
    };
    format!("{number:.decimals$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_short() {
        assert_eq!([count(0), count(999), count(1_234_567)], ["0", "999", "1,234,567"]);
        assert_eq!([bytes(999), bytes(10_000_000), bytes(1_234_567)], ["999 B", "10.0 MB", "1.23 MB"]);
        assert_eq!([rate(812_345_678), rate(64_000)], ["812 Mbps", "64.0 kbps"]);
        assert_eq!([share(1, 99), share(0, 5), share(1, 1_000_000)], ["1.01 %", "0 %", "< 0.01 %"]);
        let times = [SimTime(1_234_567), SimTime(98_765_432_100), SimTime(12)].map(time);
        assert_eq!(times, ["1.23 ms", "98.8 s", "12 ns"]);
        assert_eq!(counted(1, "packet"), "1 packet");
    }
}
