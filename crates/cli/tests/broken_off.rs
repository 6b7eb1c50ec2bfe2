//! Ctrl-C ends a run, and what is known by then is printed.

#![cfg(unix)]

use std::{
    path::Path,
    process::{Command, Output, Stdio},
    thread,
    time::Duration,
};

/// An hour of a transfer: nobody waits for its end.
const LONG: &str = "
name: an hour
network:
  virtualNetworks:
    - {name: v, addressSpace: {addressPrefixes: [10.0.0.0/16]}, subnets: [{name: s, addressPrefix: 10.0.0.0/24}]}
  virtualMachines: [{name: a, subnet: v/s}, {name: b, subnet: v/s}]
traffic: [{name: t, from: a, to: b, protocol: tcp/443, bulk: 3600s}]
expect: [{traffic: t, verdict: Delivered}]
";

/// Starts the run, presses Ctrl-C after `seconds`, and waits for the end.
fn broken_off_after(seconds: u64, file: &Path) -> Output {
    let run = Command::new(env!("CARGO_BIN_EXE_vnetsim"))
        .args(["run", &file.to_string_lossy()])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    #[allow(clippy::disallowed_methods)] // a person waits before pressing Ctrl-C
    thread::sleep(Duration::from_secs(seconds));
    let kill = Command::new("kill").args(["-INT", &run.id().to_string()]).status();
    assert!(kill.is_ok_and(|status| status.success()), "kill");
    run.wait_with_output().expect("it ends")
}

#[test]
fn ctrl_c_prints_what_is_known() {
    let file = std::env::temp_dir().join(format!("vnetsim-broken-off-{}.yaml", std::process::id()));
    std::fs::write(&file, LONG).expect("a folder for temporary files");
    // On a machine with other work the program may not have begun when the key is pressed; then it ends without a code.
    let mut outputs =
        [1, 4, 16, 60].map(|seconds| move |file: &Path| broken_off_after(seconds, file)).into_iter();
    let output = outputs.find_map(|run| Some(run(&file)).filter(|output| output.status.code().is_some()));
    let output = output.expect("it begins within a minute");
    let _ = std::fs::remove_file(&file);
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(130), "{out}{err}");
    assert!(
        out.contains("STOPPED at ") && out.contains("Unfinished") && !out.contains("expectations"),
        "{out}"
    );
    // A bar is for terminals only.
    assert!(err.starts_with("stopped by Ctrl-C at ") && err.lines().count() == 1, "{err}");
}
