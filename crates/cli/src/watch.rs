//! Watching a long run from a terminal: how far it is, on standard error, and Ctrl-C.
//!
//! Called by `vnetsim run`. The only place that reads the wall clock for a run, and only to show it; what comes out never
//! depends on it, but for a run that somebody breaks off. Costs next to nothing between two looks at the clock.

// The wall clock is what this module is about.
#![allow(clippy::disallowed_methods)]

use std::{
    ops::ControlFlow,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressStyle};
use signal_hook::{consts::SIGINT, flag};
use vnetsim_analysis::Replays;
use vnetsim_model::{Application, Traffic};
use vnetsim_scenario::Scenario;
use vnetsim_sim::Progress;
use vnetsim_types::SimTime;

/// Shorter runs show no bar.
const PATIENCE: Duration = Duration::from_millis(500);
const BETWEEN_LOOKS: Duration = Duration::from_millis(100);
/// Of the bar.
const STEPS: u64 = 1_000;

/// Somebody watches a run.
pub(crate) struct Watch {
    /// Ctrl-C was typed, or the run is over; the next one ends the program at once.
    stop: Arc<AtomicBool>,
    /// When the last thing begins or ends that the scenario plans.
    planned: SimTime,
    started: Instant,
    looked: Instant,
    bar: Option<ProgressBar>,
}

impl Watch {
    /// From now on Ctrl-C ends the run instead of the program.
    pub(crate) fn new(scenario: &Scenario, replays: &Replays) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        // In this order: the first one finds the flag unset. Where there are no signals, Ctrl-C just kills.
        let _ = flag::register_conditional_shutdown(SIGINT, crate::End::BrokenOff as i32, stop.clone());
        let _ = flag::register(SIGINT, stop.clone());
        let now = wall_clock();
        Self { stop, planned: planned(scenario, replays), started: now, looked: now, bar: None }
    }

    /// Shows how far the run is, from time to time; breaks it off after Ctrl-C.
    pub(crate) fn look(&mut self, so_far: Progress) -> ControlFlow<()> {
        if self.stop.load(Ordering::Relaxed) {
            return ControlFlow::Break(());
        }
        let now = wall_clock();
        if now - self.looked >= BETWEEN_LOOKS && now - self.started >= PATIENCE {
            self.looked = now;
            self.show(so_far, now - self.started);
        }
        ControlFlow::Continue(())
    }

    /// A bar that hides itself when standard error is no terminal.
    fn show(&mut self, so_far: Progress, took: Duration) {
        let bar = self.bar.get_or_insert_with(|| {
            let style = ProgressStyle::with_template("{bar:30} {percent:>3} %  {msg}");
            ProgressBar::new(STEPS).with_style(style.expect("a template written here"))
        });
        let done = so_far.time.0.min(self.planned.0) as f64 / self.planned.0.max(1) as f64;
        bar.set_position((done * STEPS as f64) as u64);
        let millions = |packets: f64| format!("{:.1} M", packets / 1e6);
        bar.set_message(format!(
            "{:.1} s of {:.1} s, {} packets, {} a second",
            so_far.time.0 as f64 / 1e9,
            self.planned.0.max(so_far.time.0) as f64 / 1e9,
            millions(so_far.packets as f64),
            millions(so_far.packets as f64 / took.as_secs_f64())
        ));
    }

    /// The run is over: Ctrl-C ends the program again.
    pub(crate) fn end(self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(bar) = self.bar {
            bar.finish_and_clear();
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "somebody waits: this clock is only shown")]
fn wall_clock() -> Instant {
    Instant::now()
}

/// When the last conversation starts, the last change happens, the last stream ends, the last captured packet is sent.
fn planned(scenario: &Scenario, replays: &Replays) -> SimTime {
    let entry = |traffic: &Traffic| {
        let later = traffic.interval.0.saturating_mul(traffic.count.saturating_sub(1));
        let lasts = match traffic.application {
            Application::Stream { lasts, .. } | Application::Bulk { lasts } => lasts,
            _ => SimTime::ZERO,
        };
        traffic.start + SimTime(later) + lasts
    };
    let traffic = scenario.traffic.iter().map(entry);
    let changes = scenario.timeline.iter().map(|change| change.at);
    let packets = replays.injections.iter().map(|packet| packet.at);
    traffic.chain(changes).chain(packets).max().unwrap_or_default()
}
