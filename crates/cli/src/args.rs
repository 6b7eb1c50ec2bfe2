//! What can be typed.

use std::{net::IpAddr, num::NonZeroUsize, path::PathBuf, time::Duration};

use clap::{Parser, Subcommand, ValueEnum};
use vnetsim_trace::TAPPED_PACKETS_DEFAULT;
use vnetsim_types::ProtoPort;

/// Offline, packet-level simulator of Azure virtual networks.
#[derive(Parser, Debug)]
#[command(version, about, after_help = EXIT_CODES)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
    /// How to print the answer.
    #[arg(short, long, global = true, default_value = "table")]
    pub(crate) output: Output,
    /// Folder of data files that replace built-in ones of the same name (see `vnetsim data`).
    #[arg(long, global = true, value_name = "FOLDER")]
    pub(crate) data: Option<PathBuf>,
}

const EXIT_CODES: &str = "Exit codes:
  0  as expected
  1  an expectation of the scenario failed, or `diff` found a change
  2  bad usage or input
  3  the verdict rests on something that is not modelled
  130  the run was broken off by Ctrl-C";

#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Output {
    /// Text in 100 columns; tables are as wide as their cells.
    Table,
    /// JSON in a versioned envelope.
    Json,
}

/// Frames for Wireshark.
#[derive(clap::Args, Debug)]
pub(crate) struct CaptureArgs {
    /// Write every packet at every tap on its way, with what it met there, as pcapng.
    #[arg(long, value_name = "OUT.pcapng")]
    pub(crate) capture: Option<PathBuf>,
    /// Only at the taps of this VM, NIC, peering (vnet/link), gateway, site, private endpoint or `internet`.
    #[arg(long, value_name = "NAME", requires = "capture")]
    pub(crate) capture_at: Vec<String>,
    /// Frames of at most so many packets.
    #[arg(long, value_name = "N", requires = "capture", default_value_t = TAPPED_PACKETS_DEFAULT)]
    pub(crate) capture_limit: usize,
}

/// How many probes are sent.
#[derive(clap::Args, Debug)]
pub(crate) struct ProbingArgs {
    /// The address that stands for the internet.
    #[arg(long, value_name = "ADDRESS", default_value = "8.8.8.8")]
    pub(crate) internet: IpAddr,
    /// Threads that play; as many as there are cores when absent. The answer is the same with any number.
    #[arg(long, value_name = "N")]
    pub(crate) workers: Option<NonZeroUsize>,
}

#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    /// Replay a scenario: its traffic, its timeline, its expectations.
    Run {
        /// Scenario file (YAML or JSON).
        file: PathBuf,
        /// Threads that play; as many as there are cores when absent. The answer is the same with any number.
        #[arg(long, value_name = "N")]
        workers: Option<NonZeroUsize>,
        #[command(flatten)]
        taps: CaptureArgs,
    },
    /// Follow one flow, both ways: every hop, who decided, and why it died.
    Trace {
        /// Scenario file (YAML or JSON).
        file: PathBuf,
        /// VM, NIC or address that sends.
        src: String,
        /// VM, NIC or address that is sent to.
        dst: String,
        /// Protocol and port: tcp/443, udp/53, icmp.
        #[arg(short, long, default_value = "tcp/443")]
        protocol: ProtoPort,
        /// Source port.
        #[arg(long, default_value_t = vnetsim_model::SOURCE_PORT_DEFAULT)]
        source_port: u16,
        /// Evaluate every reading of the disputed points that the flow touches.
        #[arg(long)]
        all_readings: bool,
        #[command(flatten)]
        taps: CaptureArgs,
    },
    /// Who can talk to whom: every ordered pair of ends, which way, and why not.
    Matrix {
        /// Scenario file (YAML or JSON).
        file: PathBuf,
        /// Protocols and ports: tcp/443, udp/53, icmp; several with commas.
        #[arg(
            short,
            long = "protocol",
            default_value = "tcp/443",
            value_delimiter = ',',
            value_name = "LIST"
        )]
        protocols: Vec<ProtoPort>,
        /// Every VM for itself, not one for all that the network cannot tell apart.
        #[arg(long)]
        vms: bool,
        /// One VM of each subnet.
        #[arg(long, conflicts_with = "vms")]
        subnets: bool,
        /// Only from this VM, subnet (vnet/subnet), virtual network or site; several with commas.
        #[arg(long, value_delimiter = ',', value_name = "NAME")]
        from: Vec<String>,
        /// Only to this one, likewise.
        #[arg(long, value_delimiter = ',', value_name = "NAME")]
        to: Vec<String>,
        #[command(flatten)]
        probing: ProbingArgs,
    },
    /// Which flows change fate, path or cost between two scenario files, and what decides it. Ends with 1 when any does.
    Diff {
        /// Scenario file as it was.
        #[arg(value_name = "A")]
        before: PathBuf,
        /// Scenario file as it is now.
        #[arg(value_name = "B")]
        now: PathBuf,
        /// Protocols and ports: tcp/443, udp/53, icmp; several with commas.
        #[arg(
            short,
            long = "protocol",
            default_value = "tcp/443",
            value_delimiter = ',',
            value_name = "LIST"
        )]
        protocols: Vec<ProtoPort>,
        #[command(flatten)]
        probing: ProbingArgs,
    },
    /// Effective routes, as the Azure CLI prints them.
    Routes {
        /// Scenario file (YAML or JSON).
        file: PathBuf,
        /// NIC, VM, or subnet as vnet/subnet.
        target: String,
    },
    /// Where a packet from a NIC to an address goes next, and which routes lost.
    NextHop {
        /// Scenario file (YAML or JSON).
        file: PathBuf,
        /// NIC, VM, or subnet as vnet/subnet.
        nic: String,
        /// Destination: an address, VM or NIC.
        ip: String,
    },
    /// Effective security rules of a NIC, tags expanded.
    Nsg {
        /// Scenario file (YAML or JSON).
        file: PathBuf,
        /// NIC or VM.
        nic: String,
    },
    /// Read a scenario file and report every problem in it.
    Check {
        /// Scenario file (YAML or JSON).
        file: PathBuf,
    },
    /// How fast this machine forwards through the scenario's network: packets a second, known and new connections.
    Bench {
        /// Scenario file (YAML or JSON).
        file: PathBuf,
        /// Connections at the same time.
        #[arg(long, default_value_t = 100_000, value_name = "N")]
        flows: usize,
        /// Bytes of each Ethernet frame, 64 to 1514.
        #[arg(long, default_value_t = 64, value_name = "BYTES")]
        packet_size: usize,
        /// Threads that forward; as many as there are cores when absent.
        #[arg(long, value_name = "N")]
        workers: Option<usize>,
        /// How long to measure in all: 500ms, 10s, 1m.
        #[arg(long, default_value = "6s", value_name = "TIME", value_parser = duration)]
        duration: Duration,
    },
    /// What a reason code (NSG_DENY) or a rule (PEER-08, S15, U-02) means.
    Explain {
        /// Code or rule.
        topic: String,
    },
    /// Rules of docs/semantics.md and the scenarios that show them.
    Rules {
        /// Folder of scenario files, read with its subfolders.
        #[arg(default_value = "scenarios")]
        folder: PathBuf,
        /// Only the rules that no scenario shows, and why.
        #[arg(long)]
        uncited: bool,
    },
    /// The dated figures that vnetsim uses: files, dates, sources.
    Data,
    /// Print the JSON Schema of scenario files, for editors.
    Schema,
}

/// A number with a unit: 500ms, 10s, 1m.
fn duration(text: &str) -> Result<Duration, String> {
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let seconds = match unit.trim() {
        "ms" => 0.001,
        "s" | "" => 1.0,
        "m" | "min" => 60.0,
        _ => return Err(format!("`{unit}` is no unit of time; write 500ms, 10s or 1m")),
    };
    let number: f64 = number.parse().map_err(|_| format!("`{text}` is no time; write 500ms, 10s or 1m"))?;
    Duration::try_from_secs_f64(number * seconds).map_err(|_| format!("`{text}` is too long"))
}
