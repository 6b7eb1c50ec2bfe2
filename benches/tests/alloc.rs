//! No allocation for packets of known connections.
//!
//! An allocator that counts stands in for the system's; it is the only `unsafe` of this package.

#![allow(unsafe_code)]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
};

use vnetsim_benches::{networks, networks::Size};
use vnetsim_compile::compile;
use vnetsim_throughput::{Guests, Load, Worker, find_paths};

static COUNT: AtomicU64 = AtomicU64::new(0);

struct Counting;

// SAFETY: every call goes to the system's allocator unchanged; counting touches no memory of theirs.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNT.fetch_add(1, Relaxed);
        // SAFETY: the caller keeps the contract.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps the contract.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        COUNT.fetch_add(1, Relaxed);
        // SAFETY: the caller keeps the contract.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn known_connections_allocate_nothing() {
    for network in [networks::pair(SIZE), networks::chain(SIZE)] {
        let tables = compile(&network, 0).tables;
        let guests = Guests::of(&network, &tables);
        let (paths, _) = find_paths(&network, &tables, &guests);
        assert!(!paths.is_empty());
        let load = Load::new(&tables, &paths, 5_000, 64, (0, 1));
        let mut worker = Worker::alone(&tables, &guests, true);
        let (stop, seen) = (AtomicBool::new(false), AtomicU64::new(0));
        for _ in 0..2 {
            worker.pass(&load, &stop, &seen);
        }
        let (before, decided) = (COUNT.load(Relaxed), worker.forwarder().counts().1);
        worker.pass(&load, &stop, &seen);
        let allocations = COUNT.load(Relaxed) - before;
        assert_eq!(worker.forwarder().counts().1, decided, "every packet repeats what is known");
        assert_eq!(allocations, 0);
    }
}

const SIZE: Size = Size { vms: 3, rules: 10, routes: 10 };
