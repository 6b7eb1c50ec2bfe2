//! Completions and man pages know every command, because they come from the same definitions.

use std::{fs, process::Command};

fn vnetsim(args: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_vnetsim")).args(args).output().expect("the program starts");
    assert!(output.status.success() && output.stderr.is_empty(), "{args:?}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// The commands, as `--help` lists them.
fn commands() -> Vec<String> {
    let help = vnetsim(&["--help"]);
    let (_, list) = help.split_once("Commands:\n").expect("a list of commands");
    let rows = list.lines().take_while(|line| !line.trim().is_empty());
    // Further lines of a description are indented deeper.
    let rows = rows.filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    let names: Vec<String> =
        rows.filter_map(|row| row.split_whitespace().next()).map(str::to_owned).collect();
    assert!(names.contains(&"run".to_owned()) && names.contains(&"completions".to_owned()), "{names:?}");
    names
}

#[test]
fn every_shell_completes_every_command() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = vnetsim(&["completions", shell]);
        for command in commands() {
            assert!(script.contains(&command), "{shell} does not know {command}");
        }
        assert!(script.contains("all-readings"), "{shell} does not know options");
    }
}

/// What the shell itself says of its script, where it is installed.
#[test]
fn shells_accept_their_scripts() {
    for (shell, check) in [("bash", "-n"), ("zsh", "-n"), ("fish", "-n")] {
        let file = std::env::temp_dir().join(format!("vnetsim-completions-{}.{shell}", std::process::id()));
        fs::write(&file, vnetsim(&["completions", shell])).expect("a temporary file");
        if let Ok(output) = Command::new(shell).arg(check).arg(&file).output() {
            assert!(output.status.success(), "{shell}: {}", String::from_utf8_lossy(&output.stderr));
        }
        let _ = fs::remove_file(file);
    }
}

#[test]
fn every_command_has_its_page() {
    let folder = std::env::temp_dir().join(format!("vnetsim-man-{}", std::process::id()));
    let said = vnetsim(&["man", &folder.display().to_string()]);
    let mut pages: Vec<String> = fs::read_dir(&folder)
        .expect("a folder of pages")
        .map(|page| page.expect("a page").file_name().to_string_lossy().into_owned())
        .collect();
    pages.sort();
    let named = commands().into_iter().filter(|name| name != "help").map(|name| format!("vnetsim-{name}.1"));
    let mut wanted: Vec<String> = named.chain(["vnetsim.1".to_owned()]).collect();
    wanted.sort();
    assert_eq!(pages, wanted);
    assert_eq!(said, format!("wrote {} pages to {}\n", pages.len(), folder.display()));
    for page in &pages {
        let path = folder.join(page);
        let text = fs::read_to_string(&path).expect("a page");
        let title = page.trim_end_matches(".1");
        assert!(text.contains(&format!(".TH {title} 1")) && text.contains(".SH NAME"), "{page}: {text}");
        // Where man is installed, it has nothing to complain about.
        if let Ok(output) = Command::new("man").args(["--warnings", "-l"]).arg(&path).output() {
            let (out, err) =
                (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
            assert!(!output.status.success() || err.is_empty(), "{page}: {err}");
            assert!(!output.status.success() || out.contains("vnetsim"), "{page}: {out}");
        }
    }
    let _ = fs::remove_dir_all(&folder);
}

#[test]
fn the_main_page_names_commands_and_exit_codes() {
    let page = vnetsim(&["man"]);
    assert!(page.contains(".TH vnetsim 1") && page.contains("vnetsim 0."), "{page}");
    assert!(page.contains("vnetsim\\-next\\-hop(1)") && page.contains("Exit codes:"), "{page}");
}
