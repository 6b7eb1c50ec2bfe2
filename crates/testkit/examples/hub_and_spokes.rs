//! Prints a hub-and-spoke scenario: `cargo run -p vnetsim-testkit --example hub_and_spokes -- 20 25 > large.yaml`.

fn main() {
    let mut numbers = std::env::args().skip(1).map(|arg| arg.parse::<usize>());
    let (spokes, vms) = match (numbers.next(), numbers.next()) {
        (Some(Ok(spokes @ 1..=250)), Some(Ok(vms @ 1..=300))) => (spokes, vms),
        _ => (20, 25),
    };
    #[expect(clippy::print_stdout, reason = "an example that prints a file")]
    {
        print!("{}", vnetsim_testkit::hub_and_spokes(spokes, vms));
    }
}
