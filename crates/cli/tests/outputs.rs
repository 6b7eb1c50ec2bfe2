//! `vnetsim test` and its outputs, read by others: an XML parser, the official SARIF schema, GitHub's rules.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use expect_test::{ExpectFile, expect_file};
use quick_xml::{Reader, events::Event};
use serde_json::Value;
use vnetsim_analysis::Finding;
use vnetsim_report::{
    CardKind, Cards, Sources, Standing, finding_suite, github_text, junit_xml, markdown_text, sarif_json,
};
use vnetsim_types::{FindingCode, Span};

const FOLDER: &str = "crates/cli/tests/golden/test";
const FAILING: &str = "crates/cli/tests/golden/test/failing.yaml";
const BROKEN: &str = "crates/cli/tests/golden/broken.yaml";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// What the program prints for `args` at the project's top: standard output, standard error, exit code.
fn vnetsim(args: &[&str]) -> (String, String, Option<i32>) {
    let mut program = Command::new(env!("CARGO_BIN_EXE_vnetsim"));
    let output = program.args(args).current_dir(root()).output().expect("the program starts");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    (text(output.stdout), text(output.stderr), output.status.code())
}

/// Standard output of `vnetsim test`, which ends with `code` and has nothing to say beside.
fn test(args: &[&str], code: i32) -> String {
    let (out, err, got) = vnetsim(&[&["test"], args].concat());
    assert_eq!((got, err.as_str()), (Some(code), ""), "{args:?}: {out}");
    out
}

fn golden(format: &str, file: ExpectFile) {
    let out = test(&[FAILING, "-o", format], 1);
    assert_eq!(out, test(&[FAILING, "-o", format], 1), "two runs differ");
    file.assert_eq(&out);
}

#[test]
fn every_format_of_a_failing_scenario() {
    golden("table", expect_file!["golden/test-failing.txt"]);
    golden("json", expect_file!["golden/test-failing.json"]);
    golden("junit", expect_file!["golden/test-failing.xml"]);
    golden("sarif", expect_file!["golden/test-failing.sarif"]);
    golden("github", expect_file!["golden/test-failing.github.txt"]);
    golden("markdown", expect_file!["golden/test-failing.md"]);
}

/// In the order of the files, however many threads play them.
#[test]
fn a_folder_is_told_in_order_by_any_number_of_workers() {
    let out = test(&[FOLDER], 1);
    expect_file!["golden/test-folder.txt"].assert_eq(&out);
    for workers in ["1", "2", "7"] {
        assert_eq!(out, test(&[FOLDER, "--workers", workers], 1), "{workers} workers");
    }
    let long: Vec<&str> = out.lines().filter(|line| line.chars().count() > 100).collect();
    assert_eq!(long, Vec::<&str>::new());
    // A file that is named twice is run once.
    assert_eq!(out, test(&[FOLDER, FAILING], 1));
}

/// `run` and `test` say the same of one file.
#[test]
fn failures_are_worded_as_run_words_them() {
    let (run, _, code) = vnetsim(&["run", FAILING]);
    assert_eq!(code, Some(1));
    let told = test(&[FAILING], 1);
    let sentences = run.lines().filter(|line| line.starts_with("  why") || line.contains("expected "));
    let missing: Vec<&str> = sentences.filter(|line| !told.contains(line.trim())).collect();
    assert_eq!(missing, Vec::<&str>::new(), "{told}");
}

/// 2 before 1 before 3 before 0.
#[test]
fn the_worst_file_decides_how_it_ends() {
    let holds = "crates/cli/tests/golden/test/holds.yaml";
    let text = fs::read_to_string(root().join("scenarios/drops/InsufficientInput.yaml")).expect("a scenario");
    let (network, _) = text.split_once("\nexpect:").expect("it expects something");
    let unsure = temporary("unsure", &[("unsure.yaml", network)]);
    let unsure = unsure.join("unsure.yaml").display().to_string();
    assert!(test(&[holds], 0).ends_with("1 file: all ok; 1 of 1 expectations hold\n"));
    let out = test(&[holds, &unsure], 3);
    assert!(out.contains("UNSURE  everything is modelled") && out.contains("INSUFFICIENT_INPUT"), "{out}");
    test(&[holds, &unsure, FAILING], 1);
    let out = test(&[holds, &unsure, FAILING, BROKEN, "nowhere.yaml"], 2);
    assert!(out.contains("ERROR   nowhere.yaml  not read: 1 error\n"), "{out}");
    assert!(out.contains("help: did you mean `rt-spoke`?"), "{out}");
    assert!(
        out.ends_with("5 files: 1 FAILED, 1 not modelled, 2 not read; 2 of 6 expectations hold\n"),
        "{out}"
    );
    let _ = fs::remove_file(unsure);
}

#[test]
fn mistakes_on_the_command_line_say_what_to_type() {
    let empty = temporary("empty", &[]);
    let usage = |args: &[&str], says: &str| {
        let (out, err, code) = vnetsim(args);
        assert_eq!((out.as_str(), code), ("", Some(2)), "{args:?}");
        assert!(err.contains(says), "{args:?}: {err}");
    };
    usage(&["test", &empty.display().to_string()], "no scenario file (*.yaml, *.json) in ");
    usage(&["test", FOLDER, "--filter", "nothing"], "none of 3 files has `nothing` in its path");
    usage(&["routes", FAILING, "vm1", "-o", "junit"], "no output `junit`; it has `table` and `json`");
    usage(&["completions", "bash", "-o", "json"], "no output `json`; it has `table`");
    usage(&["test"], "<PATH>");
    let out = test(&[FOLDER, "--filter", "HOLDS"], 0);
    assert!(out.ends_with("1 file: all ok; 1 of 1 expectations hold\n"), "{out}");
}

/// A folder of its own with these files.
fn temporary(name: &str, files: &[(&str, &str)]) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("vnetsim-outputs-{}-{name}", std::process::id()));
    fs::create_dir_all(&folder).expect("a folder for temporary files");
    for (file, text) in files {
        fs::write(folder.join(file), text).expect("a temporary file");
    }
    folder
}

/// Findings of a made-up check, as `check` fills them in.
fn findings() -> String {
    "name: x\nroutes: [to-s2, to-s3]\n".to_owned()
}

fn found(write: impl Fn(&Cards<'_>) -> String) -> String {
    let text = findings();
    let mut sources = Sources::default();
    let file = sources.add("a folder/file, of: 100%.yaml", text.as_bytes());
    let span = |word: &str| {
        let start = text.find(word).expect("a word of the file") as u32;
        Span { file, start, end: start + word.len() as u32 }
    };
    let all = [
        Finding::new(FindingCode::UdrLoop, "rt/to-s2", span("to-s2"), "it {comes} back\u{1b}[0m & <again>")
            .because("hop `1` | hop 2")
            .fix("take it off")
            .related(span("to-s3"), "the other one"),
        Finding::new(FindingCode::RouteNeverUsed, "rt/to-s3", span("to-s3"), "nobody asks for it"),
        Finding::new(FindingCode::NoTransit, "s1", Span::default(), "two spokes"),
    ];
    let suite = finding_suite("a folder/file, of: 100%.yaml", "x", Standing::Failed, &[], &all, &sources);
    write(&Cards { kind: CardKind::Findings, suites: &[suite] })
}

/// Elements with their attributes and the text in them, in the order of their ends.
fn elements(xml: &str) -> Vec<(String, BTreeMap<String, String>, String)> {
    let mut reader = Reader::from_str(xml);
    let (mut open, mut all) = (Vec::new(), Vec::new());
    loop {
        let event = reader.read_event().expect("well-formed XML");
        let empty = matches!(event, Event::Empty(_));
        match event {
            Event::Start(e) | Event::Empty(e) => {
                let name = String::from_utf8_lossy(e.name().as_ref()).into_owned();
                let attributes = e.attributes().map(|a| a.expect("an attribute"));
                let one = |a: quick_xml::events::attributes::Attribute<'_>| {
                    let value = String::from_utf8_lossy(&a.value).into_owned();
                    let value = quick_xml::escape::unescape(&value).expect("known entities").into_owned();
                    (String::from_utf8_lossy(a.key.as_ref()).into_owned(), value)
                };
                open.push((name, attributes.map(one).collect(), String::new()));
                if empty {
                    all.extend(open.pop());
                }
            }
            Event::End(_) => all.extend(open.pop()),
            Event::Text(t) => {
                let text = t.decode().expect("UTF-8");
                open.iter_mut().last().into_iter().for_each(|(.., inside)| inside.push_str(&text));
            }
            Event::GeneralRef(r) => {
                let entity = format!("&{};", r.decode().expect("UTF-8"));
                let text = quick_xml::escape::unescape(&entity).expect("a known entity").into_owned();
                open.iter_mut().last().into_iter().for_each(|(.., inside)| inside.push_str(&text));
            }
            Event::Eof => return all,
            _ => {}
        }
    }
}

/// The sums of JUnit's attributes are those of its elements, names are unique, and no time is in it.
#[test]
fn junit_is_what_its_readers_expect() {
    let checked = found(junit_xml);
    for (xml, failures, errors) in [
        (test(&[FOLDER, "-o", "junit"], 1), 4, 0),
        (test(&[FAILING, BROKEN, "nowhere.yaml", "-o", "junit"], 2), 4, 10),
        (checked.clone(), 1, 0),
    ] {
        let all = elements(&xml);
        let count = |name: &str| all.iter().filter(|(n, ..)| n == name).count().to_string();
        let (.., top, _) = all.last().map(|(n, a, t)| (n, a, t)).expect("a top element");
        assert_eq!(top["tests"], count("testcase"));
        assert_eq!((&top["failures"], &top["errors"]), (&count("failure"), &count("error")));
        assert_eq!((count("failure"), count("error")), (failures.to_string(), errors.to_string()));
        let cases: Vec<_> = all.iter().filter(|(n, ..)| n == "testcase").collect();
        let mut names: Vec<_> = cases.iter().map(|(_, a, _)| (&a["classname"], &a["name"])).collect();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), cases.len());
        assert!(all.iter().all(|(_, a, _)| !a.contains_key("time") && !a.contains_key("timestamp")));
        let told = all.iter().filter(|(n, ..)| n == "failure" || n == "error");
        assert!(told.clone().all(|(_, a, _)| !a["message"].contains('\n') && !a["type"].is_empty()));
    }
    let trace = elements(&test(&[FAILING, "-o", "junit"], 1));
    let (.., text) = trace.iter().find(|(n, ..)| n == "failure").expect("a failure");
    assert!(text.contains("  why    The packet") && text.contains("9  hub => s2  "), "{text}");
    let all = elements(&checked);
    let (_, attributes, text) = all.iter().find(|(n, ..)| n == "failure").expect("a failure");
    assert_eq!(attributes["message"], "it {comes} back & <again>", "control characters are left out");
    assert!(text.contains("cause  hop `1` | hop 2"), "{text}");
}

/// The schema that OASIS published, as the crate serde-sarif brings it.
fn schema() -> Value {
    let target = Command::new("rustc").arg("-vV").output().expect("rustc runs");
    let target = String::from_utf8_lossy(&target.stdout).into_owned();
    let host = target.lines().find_map(|line| line.strip_prefix("host: ")).expect("rustc names its host");
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--locked", "--filter-platform", host])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo metadata prints JSON");
    let packages = metadata["packages"].as_array().expect("a list of packages");
    let package = packages.iter().find(|p| p["name"] == "serde-sarif").expect("a dependency of the tests");
    let manifest = Path::new(package["manifest_path"].as_str().expect("a path"));
    let text = fs::read_to_string(manifest.with_file_name("src/schema.json")).expect("the schema");
    let mut schema: Value = serde_json::from_str(&text).expect("JSON");
    // These two patterns are no regular expressions (`]?`); nothing here has the property.
    for object in ["run", "toolComponent"] {
        let language = &mut schema["definitions"][object]["properties"]["language"];
        language.as_object_mut().and_then(|language| language.remove("pattern")).expect("a pattern");
    }
    schema
}

#[test]
fn sarif_follows_its_schema_and_githubs_demands() {
    let validator = jsonschema::draft7::new(&schema()).expect("a schema");
    let made_up = found(|cards| format!("{:#}", sarif_json(cards)));
    for text in [
        test(&[FAILING, "-o", "sarif"], 1),
        test(&["crates/cli/tests/golden/test/holds.yaml", "-o", "sarif"], 0),
        test(&[FAILING, BROKEN, "nowhere.yaml", "-o", "sarif"], 2),
        made_up.clone(),
    ] {
        let log: Value = serde_json::from_str(&text).expect("JSON");
        let errors: Vec<String> =
            validator.iter_errors(&log).map(|e| format!("{}: {e}", e.instance_path())).collect();
        assert_eq!(errors, Vec::<String>::new());
        let typed: serde_sarif::sarif::Sarif = serde_json::from_str(&text).expect("the typed form");
        assert_eq!(typed.runs.len(), 1);
        let rules = log["runs"][0]["tool"]["driver"]["rules"].as_array().expect("rules");
        let results = log["runs"][0]["results"].as_array().expect("results");
        for result in results {
            let rule = result["ruleIndex"].as_u64().expect("an index") as usize;
            assert_eq!(rules[rule]["id"], result["ruleId"]);
            let place = &result["locations"][0]["physicalLocation"];
            assert!(place["region"]["startLine"].is_u64() && place["artifactLocation"]["uri"].is_string());
            for hop in result["codeFlows"][0]["threadFlows"][0]["locations"].as_array().into_iter().flatten()
            {
                let uri = &hop["location"]["physicalLocation"]["artifactLocation"]["uri"];
                assert!(uri.is_string() && hop["location"]["message"]["text"].is_string());
            }
        }
        let texts = rules.iter().map(|rule| &rule["shortDescription"]["text"]);
        assert!(texts.zip(rules).all(|(text, rule)| text.is_string() && *text != rule["id"]), "{rules:?}");
    }
    let log: Value = serde_json::from_str(&made_up).expect("JSON");
    let results = &log["runs"][0]["results"];
    assert_eq!(
        results[0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"],
        "a%20folder/file%2C%20of%3A%20100%25.yaml"
    );
    let levels: Vec<&Value> = (0..3).map(|ix| &results[ix]["level"]).collect();
    assert_eq!(levels, ["error", "warning", "note"]);
}

/// The region of a result is the text that the diagnosis names.
#[test]
fn sarif_marks_the_flag_that_is_off() {
    let log: Value = serde_json::from_str(&test(&[FAILING, "-o", "sarif"], 1)).expect("JSON");
    let result = &log["runs"][0]["results"][0];
    let region = &result["locations"][0]["physicalLocation"]["region"];
    let number = |name: &str| region[name].as_u64().expect("a number") as usize;
    let text = fs::read_to_string(root().join(FAILING)).expect("a scenario");
    let line = text.lines().nth(number("startLine") - 1).expect("a line");
    let marked = &line[number("startColumn") - 1..number("endColumn") - 1];
    assert_eq!((marked, number("startLine")), ("false", number("endLine")));
    assert!(line[..number("startColumn") - 1].ends_with("allowForwardedTraffic: "));
    assert_eq!(result["relatedLocations"][0]["message"]["text"], "expected here");
    let hops = result["codeFlows"][0]["threadFlows"][0]["locations"].as_array().expect("hops");
    let last = &hops.last().expect("a hop")["location"];
    assert_eq!(&last["physicalLocation"]["region"], region, "the dead end is at the flag");
}

/// A result keeps its fingerprint when its line moves, and differs from every other.
#[test]
fn fingerprints_do_not_move_with_lines() {
    let text = fs::read_to_string(root().join(FAILING)).expect("a scenario");
    let folder = temporary("moved", &[]);
    let prints = |text: &str| {
        fs::write(folder.join("f.yaml"), text).expect("a temporary file");
        let path = folder.join("f.yaml").display().to_string();
        let log: Value = serde_json::from_str(&test(&[&path, "-o", "sarif"], 1)).expect("JSON");
        let results = log["runs"][0]["results"].as_array().expect("results").clone();
        let one = |r: &Value| (r["partialFingerprints"].to_string(), r["locations"].to_string());
        results.iter().map(one).unzip::<_, _, Vec<_>, Vec<_>>()
    };
    let (before, places) = prints(&text);
    let (after, moved) = prints(&format!("# one line\n# another\n{text}"));
    assert_eq!(before, after);
    assert_ne!(places, moved);
    let mut unique = before.clone();
    unique.sort();
    unique.dedup();
    assert_eq!(unique.len(), before.len());
    let _ = fs::remove_dir_all(folder);
}

/// Every line is one command or the summary; what is unescaped names a place of the file.
#[test]
fn github_commands_point_at_lines() {
    let out = test(&[FOLDER, "-o", "github"], 1);
    let (last, commands) =
        out.lines().collect::<Vec<_>>().split_last().map(|(l, c)| (*l, c.to_vec())).expect("lines");
    assert_eq!(last, "vnetsim test: 3 files: 1 FAILED; 2 of 6 expectations hold");
    assert_eq!(commands.len(), 4);
    for command in commands {
        let rest = command.strip_prefix("::error ").expect("an error");
        let (properties, message) = rest.split_once("::").expect("a message");
        let properties: BTreeMap<&str, &str> =
            properties.split(',').map(|p| p.split_once('=').expect("a value")).collect();
        let text = fs::read_to_string(root().join(properties["file"])).expect("a file of the repository");
        let line: usize = properties["line"].parse().expect("a number");
        let column: usize = properties["col"].parse().expect("a number");
        assert!(text.lines().nth(line - 1).is_some_and(|line| line.len() >= column), "{command}");
        assert!(!properties["title"].is_empty() && !message.is_empty());
    }
    let made_up = found(github_text);
    let first = made_up.lines().next().expect("a line");
    assert!(
        first.starts_with(
            "::error file=a folder/file%2C of%3A 100%25.yaml,line=2,col=10,endColumn=15,title=UDR_LOOP::"
        ),
        "{first}"
    );
    assert!(made_up.contains("\n::warning ") && made_up.contains("\n::notice "), "{made_up}");
}

#[test]
fn markdown_of_findings_is_one_row_and_a_paragraph_each() {
    expect_file!["golden/findings.md"].assert_eq(&found(markdown_text));
}
