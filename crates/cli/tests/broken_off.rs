//! Ctrl-C ends a run, and what is known by then is printed.

#![cfg(unix)]

use std::{
    process::{Command, Stdio},
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

#[test]
#[expect(clippy::disallowed_methods, reason = "another process is given time to begin")]
fn ctrl_c_prints_what_is_known() {
    let file = std::env::temp_dir().join(format!("vnetsim-broken-off-{}.yaml", std::process::id()));
    std::fs::write(&file, LONG).expect("a folder for temporary files");
    let run = Command::new(env!("CARGO_BIN_EXE_vnetsim"))
        .args(["run", &file.to_string_lossy()])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    #[allow(clippy::disallowed_methods)] // a person waits before pressing Ctrl-C
    thread::sleep(Duration::from_secs(2));
    let kill = Command::new("kill").args(["-INT", &run.id().to_string()]).status();
    assert!(kill.is_ok_and(|status| status.success()), "kill");
    let output = run.wait_with_output().expect("it ends");
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
