//! What can be typed.
//!
//! Owns names, defaults and help of commands and options. Read by `commands`. Must never open a file or look at a network.

mod azure;

use std::{net::IpAddr, num::NonZeroUsize, path::PathBuf, time::Duration};

use clap::{Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use vnetsim_trace::TAPPED_PACKETS_DEFAULT;
use vnetsim_types::ProtoPort;

pub(crate) use azure::{
    AzArgs, Compat, ConnectivityArgs, FlowDirection, FlowProtocol, IpFlowVerifyArgs, NextHopArgs, NsgArgs,
    PeeringsArgs, RoutesArgs,
};

/// Offline, packet-level simulator of Azure virtual networks.
#[derive(Parser, Debug)]
#[command(version, about, after_help = EXIT_CODES)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
    /// How to print the answer: as a table, unless `--compat az` asks for what the Azure CLI prints. All answers come as table
    /// or json; `test` and `check` have the other formats too.
    #[arg(short, long, global = true)]
    pub(crate) output: Option<Format>,
    /// Folder of data files that replace built-in ones of the same name (see `vnetsim data`).
    #[arg(long, global = true, value_name = "FOLDER")]
    pub(crate) data: Option<PathBuf>,
}

const EXIT_CODES: &str = "Exit codes:
  0  as expected
  1  an expectation of a scenario failed, a check found an error, no fix was found, two networks differ
  2  bad usage or input
  3  the verdict rests on something that is not modelled
  130  the run was broken off by Ctrl-C";

/// What `-o` takes.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Format {
    /// Text in 100 columns; tables are as wide as their cells.
    Table,
    /// JSON in a versioned envelope.
    Json,
    /// JUnit XML: a test suite for each file.
    Junit,
    /// SARIF 2.1.0, for code scanning and editors.
    Sarif,
    /// Workflow commands of GitHub Actions, which mark the lines of a pull request.
    Github,
    /// Markdown for a comment.
    Markdown,
}

/// The formats that every command has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Output {
    Table,
    Json,
}

impl Format {
    /// The same, if every command has it.
    pub(crate) fn plain(self) -> Option<Output> {
        match self {
            Self::Table => Some(Output::Table),
            Self::Json => Some(Output::Json),
            _ => None,
        }
    }
}

impl Command {
    /// The formats that this command has.
    pub(crate) fn formats(&self) -> &'static [Format] {
        match self {
            Self::Test { .. } | Self::Check { .. } => Format::value_variants(),
            Self::Completions { .. } | Self::Man { .. } => &[Format::Table],
            _ => &[Format::Table, Format::Json],
        }
    }
}

/// From which severity on a check fails.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum FailOn {
    Error,
    Warning,
    Note,
    Never,
}

/// What `trace` is asked.
#[derive(clap::Args, Debug)]
pub(crate) struct TraceArgs {
    /// Who sends: VM, NIC or address; or many at once: vnet/subnet, a virtual network, `*`.
    pub(crate) src: String,
    /// Who is sent to: the same.
    pub(crate) dst: String,
    /// Protocol and port: tcp/443, udp/53, icmp.
    #[arg(short, long, default_value = "tcp/443")]
    pub(crate) protocol: ProtoPort,
    /// Source port.
    #[arg(long, default_value_t = vnetsim_model::SOURCE_PORT_DEFAULT)]
    pub(crate) source_port: u16,
    /// Evaluate every reading of the disputed points that the flow touches.
    #[arg(long)]
    pub(crate) all_readings: bool,
    /// Of many flows, show every hop of each group, not only of the largest that dies.
    #[arg(long)]
    pub(crate) all_groups: bool,
    /// Say what Azure's tools would tell even when the flow works; of a dead one it is always said.
    #[arg(long)]
    pub(crate) azure_tools: bool,
    /// Show what a traceroute of the guest prints, beside what is truly there.
    #[arg(long)]
    pub(crate) traceroute: bool,
    #[command(flatten)]
    pub(crate) taps: CaptureArgs,
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

/// How many threads play.
#[derive(clap::Args, Clone, Copy, Debug)]
pub(crate) struct WorkersArgs {
    /// Threads that play; as many as there are cores when absent. The answer is the same with any number.
    #[arg(long, value_name = "N")]
    workers: Option<NonZeroUsize>,
}

impl WorkersArgs {
    /// The number that was typed, else that of the cores.
    pub(crate) fn number(self) -> NonZeroUsize {
        self.workers.unwrap_or_else(cores)
    }
}

/// Threads that this machine runs at the same time.
pub(crate) fn cores() -> NonZeroUsize {
    std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN)
}

/// What is asked of every pair of ends.
#[derive(clap::Args, Debug)]
pub(crate) struct ProbingArgs {
    /// Protocols and ports: tcp/443, udp/53, icmp; several with commas.
    #[arg(short, long = "protocol", default_value = "tcp/443", value_delimiter = ',', value_name = "LIST")]
    pub(crate) protocols: Vec<ProtoPort>,
    /// The address that stands for the internet.
    #[arg(long, value_name = "ADDRESS", default_value = "8.8.8.8")]
    pub(crate) internet: IpAddr,
    #[command(flatten)]
    pub(crate) workers: WorkersArgs,
}

/// What `matrix` is asked.
#[derive(clap::Args, Debug)]
pub(crate) struct MatrixArgs {
    #[command(flatten)]
    pub(crate) probing: ProbingArgs,
    /// Every VM for itself, not one for all that the network cannot tell apart.
    #[arg(long)]
    pub(crate) vms: bool,
    /// One VM of each subnet.
    #[arg(long, conflicts_with = "vms")]
    pub(crate) subnets: bool,
    /// Only from this VM, subnet (vnet/subnet), virtual network or site; several with commas.
    #[arg(long, value_delimiter = ',', value_name = "NAME")]
    pub(crate) from: Vec<String>,
    /// Only to this one, likewise.
    #[arg(long, value_delimiter = ',', value_name = "NAME")]
    pub(crate) to: Vec<String>,
}

#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    /// Replay a scenario: its traffic, its timeline, its expectations.
    Run {
        /// Scenario file (YAML or JSON).
        file: PathBuf,
        #[command(flatten)]
        workers: WorkersArgs,
        #[command(flatten)]
        taps: CaptureArgs,
    },
    /// Hold scenarios against what they expect; say what failed, and why.
    ///
    /// A line for each file. Ends with 2 if a file could not be read, else with 1 if an expectation failed, else with 3 if
    /// a verdict rests on something that is not modelled.
    Test {
        /// Scenario files, or folders, which are read with their subfolders (*.yaml, *.json).
        #[arg(required = true, value_name = "PATH")]
        paths: Vec<PathBuf>,
        /// Only files whose path has this text in it; case does not count.
        #[arg(long, value_name = "TEXT")]
        filter: Option<String>,
        #[command(flatten)]
        workers: WorkersArgs,
    },
    /// Follow one flow, both ways: every hop, who decided, and why it died.
    Trace {
        /// Scenario file (YAML or JSON).
        file: PathBuf,
        #[command(flatten)]
        question: TraceArgs,
    },
    /// Who can talk to whom: every ordered pair of ends, which way, and why not.
    Matrix {
        /// Scenario file (YAML or JSON).
        file: PathBuf,
        #[command(flatten)]
        asked: MatrixArgs,
    },
    /// Which flows change fate, path or cost between two scenario files, and what decides it. Ends with 1 when any does.
    Diff {
        /// Scenario file as it was.
        #[arg(value_name = "A")]
        before: PathBuf,
        /// Scenario file as it is now.
        #[arg(value_name = "B")]
        now: PathBuf,
        #[command(flatten)]
        probing: ProbingArgs,
    },
    /// Effective routes, as the Azure CLI prints them.
    Routes(RoutesArgs),
    /// Where a packet from a NIC to an address goes next, and which routes lost.
    NextHop(NextHopArgs),
    /// Effective security rules of a NIC, tags expanded.
    Nsg(NsgArgs),
    /// What the NSGs of one NIC say about a five-tuple, with every rule that was tried.
    IpFlowVerify(IpFlowVerifyArgs),
    /// Whether a connection works, hop by hop, and what Azure's connection troubleshoot would say.
    Connectivity(ConnectivityArgs),
    /// Peering links with state and flags.
    Peerings(PeeringsArgs),
    /// Every problem of a file, and every mistake of its network that can be seen without its traffic.
    Check {
        /// Scenario file (YAML or JSON).
        file: PathBuf,
        /// End with 1 when there is a finding as bad as this.
        #[arg(long, value_name = "SEVERITY", default_value = "error")]
        fail_on: FailOn,
    },
    /// The smallest change after which every expectation holds, found by trying.
    Fix {
        /// Scenario file (YAML or JSON).
        file: PathBuf,
        /// VM, NIC or address whose packets should arrive, if no expectation says so.
        #[arg(requires = "dst")]
        src: Option<String>,
        /// VM, NIC or address where they should arrive.
        dst: Option<String>,
        /// Protocol and port: tcp/443, udp/53, icmp.
        #[arg(short, long, default_value = "tcp/443")]
        protocol: ProtoPort,
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
    /// What a code (NSG_DENY, UDR_LOSES_LPM) or a rule (PEER-08, S15, U-02) means, and how to fix it; all codes without one.
    Explain {
        /// Code or rule.
        topic: Option<String>,
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
    /// Print what completes `vnetsim` in a shell.
    Completions {
        /// Which shell.
        shell: Shell,
    },
    /// Print the man page, or write one for each command.
    Man {
        /// Folder for the pages; made if it is not there.
        folder: Option<PathBuf>,
    },
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
