//! What an idle machine with a TCP/IP stack costs (issue target: 20 kB).
//!
//! An allocator that counts stands in for the system's; it is the only `unsafe` of this file.

#![allow(unsafe_code)]
#![allow(clippy::print_stdout, reason = "the figure is worth seeing")]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    ops::ControlFlow,
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
};

use vnetsim_benches::star::{requests, star, streams};
use vnetsim_model::Application;
use vnetsim_sim::Play;
use vnetsim_types::{NoObserver, SimTime};

static LIVE: AtomicUsize = AtomicUsize::new(0);

struct Counting;

// SAFETY: every call goes to the system's allocator unchanged; counting touches no memory of theirs.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        LIVE.fetch_add(layout.size(), Relaxed);
        // SAFETY: the caller keeps the contract.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size(), Relaxed);
        // SAFETY: the caller keeps the contract.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        LIVE.fetch_add(size, Relaxed);
        LIVE.fetch_sub(layout.size(), Relaxed);
        // SAFETY: the caller keeps the contract.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Bytes that a run holds when all of its machines have had a connection and are idle again; one stream goes on.
fn idle_bytes(vms: usize) -> usize {
    let network = star(8, vms);
    let mut traffic = requests(&network, (8, vms), 1);
    let mut stream = streams(&network, 8, 64, 8).swap_remove(0);
    stream.application =
        Application::Stream { lasts: SimTime::from_secs(30), interval: SimTime::from_micros(100) };
    traffic.push(stream);
    let before = LIVE.load(Relaxed);
    let play = Play { network, traffic: &traffic, timeline: &[], injections: &[], seed: 1, workers: 1 };
    let mut last = 0;
    let report = play.run(&mut NoObserver, &mut |_| {
        last = LIVE.load(Relaxed);
        ControlFlow::Continue(())
    });
    assert_eq!(report.sent, report.delivered);
    assert!(report.end >= SimTime::from_secs(29), "the machines were idle for long");
    last - before
}

#[test]
fn an_idle_machine_with_a_stack_costs_little() {
    const FEW: usize = 8;
    const MANY: usize = 72;
    let each = (idle_bytes(MANY) - idle_bytes(FEW)) / (8 * (MANY - FEW));
    println!("{each} bytes for each idle machine: stack, NIC in the tables, flow records, sums");
    assert!(each < 20_000, "{each} bytes");
}
