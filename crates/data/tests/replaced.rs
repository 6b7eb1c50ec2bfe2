//! Files of the user's: they replace the built-in ones one by one, and bad ones are refused with a remedy.

use std::{fs, path::PathBuf};

use vnetsim_data::Data;

const HEAD: &str = "date = \"2026-01-31\"\nsources = [\"a test\"]\n";

/// A folder with these files, made anew.
fn folder(name: &str, files: &[(&str, &str)]) -> PathBuf {
    let dir = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    _ = fs::remove_dir_all(&dir);
    fs::create_dir_all(&dir).expect("a folder for tests");
    for (file, text) in files {
        fs::write(dir.join(file), text).expect("a file for tests");
    }
    dir
}

/// What is said of one bad file.
fn refused(name: &str, file: &str, text: &str) -> String {
    let problems = Data::load(&folder(name, &[(file, text)])).expect_err("a bad file");
    problems.join("\n")
}

#[test]
fn a_folder_without_data_files_changes_nothing() {
    let dir = folder("empty", &[("README.md", "not data")]);
    assert_eq!(Data::load(&dir).as_ref(), Ok(Data::builtin()));
}

/// FAB-23 gives round trips of 42, 56 and 160 ms from New York.
#[test]
fn propagation_agrees_with_the_samples_of_the_norm() {
    let cities = [
        ("newyork", 40.71, -74.01),
        ("sanfrancisco", 37.77, -122.42),
        ("london", 51.51, -0.13),
        ("sydney", -33.87, 151.21),
    ];
    let row = |(name, lat, lon): (&str, f64, f64)| {
        format!("{{ name = \"{name}\", display = \"\", lat = {lat}, lon = {lon}, geography = \"\" }},\n")
    };
    let rows: String = cities.into_iter().map(row).collect();
    let text = format!("{HEAD}km_per_ms = 200\nroute_percent = 100\nleast_km = 10\nregions = [\n{rows}]\n");
    let data = Data::load(&folder("cities", &[("regions.toml", &text)])).expect("good files");
    for (city, rtt_ms) in [("sanfrancisco", 42.0), ("london", 56.0), ("sydney", 160.0)] {
        let seen = 2.0 * data.one_way_latency_ns("newyork", city).expect("known") as f64 / 1e6;
        assert!((seen / rtt_ms - 1.0).abs() < 0.03, "{city}: {seen} ms, the page says {rtt_ms}");
    }
    assert_eq!(data.region("koreacentral"), None);
    assert_eq!(data.vm_size("Standard_DS1_v2"), Data::builtin().vm_size("Standard_DS1_v2"));
    let own: Vec<_> = data.sources().iter().filter(|s| !s.builtin).map(|s| s.file.as_str()).collect();
    assert_eq!(own, ["regions.toml"]);
}

#[test]
fn problems_name_file_line_and_remedy() {
    let host_bits = format!("{HEAD}documented = [\n  \"10.0.0.1/8\",\n]\nextra = []\nextra_in_places = []\n");
    let said = refused("host-bits", "none-routes.toml", &host_bits);
    assert!(said.ends_with("none-routes.toml:4: 10.0.0.1/8 has host bits; write 10.0.0.0/8"), "{said}");

    let typo = format!("{HEAD}sizes = [\n{{ name = \"A\", vcpu = 1, nics = 1, source = \"\" }},\n]\n");
    let said = refused("typo", "vm-sizes.toml", &typo);
    assert!(said.contains("vm-sizes.toml:4: unknown field `vcpu`"), "{said}");
    assert!(said.contains("remove the file to use the built-in one"), "{said}");

    let said = refused("name", "limit.toml", HEAD);
    assert!(said.contains("limit.toml: not a data file; rename it to one of limits.toml,"), "{said}");

    let missing = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("nowhere");
    let said = Data::load(&missing).expect_err("no folder").join("\n");
    assert!(said.contains("name a readable folder"), "{said}");
}

#[test]
fn all_problems_of_all_files_are_told_at_once() {
    let twice =
        "[[tag]]\nname = \"A\"\nedition = \"\"\nipv6 = false\nprefixes = [\"10.0.0.0/8\", \"10.0.0.0/8\"]\n";
    let tags = format!("{HEAD}{twice}{}", twice.replace("\"A\"", "\"a\""));
    let sizes =
        format!("{HEAD}sizes = [{{ name = \"A\", vcpus = 0, nics = 1, source = \"\", placeholder = true }}]");
    let dir = folder("many", &[("service-tags.toml", &tags), ("vm-sizes.toml", &sizes)]);
    let problems = Data::load(&dir).expect_err("bad files");
    assert_eq!(problems.len(), 5, "{problems:#?}");
}

#[test]
fn bad_values_are_refused() {
    let price = "note = \"\"\nregional_usd_per_gb = nan\nzone = []\n";
    assert!(refused("nan", "prices.toml", &format!("{HEAD}{price}")).contains("is not a price"));
    let speed = "km_per_ms = 0\nroute_percent = 99\nleast_km = 10\n";
    let place = "{ name = \"A b\", display = \"\", lat = 91.0, lon = nan, geography = \"\", cloud = \"x\" }";
    let said = refused("regions", "regions.toml", &format!("{HEAD}{speed}regions = [{place}]\n"));
    for part in
        ["`km_per_ms` is 0", "below 100", "write \"ab\"", "91 is not", "NaN is not", "unknown cloud \"x\""]
    {
        assert!(said.contains(part), "{part} is not in: {said}");
    }
    let head = "date = \"yesterday\"\nsources = []\n";
    let said = refused(
        "head",
        "none-routes.toml",
        &format!("{head}documented = []\nextra = []\nextra_in_places = []"),
    );
    assert!(said.contains("not a day") && said.contains("`sources` is empty"), "{said}");
}

#[test]
fn round_trips_of_the_users_own() {
    let rows = "{ name = \"eastus\", ms = [] }, { name = \"atlantis\", ms = [7] }";
    let text = format!("{HEAD}regions = [{rows}]\n");
    let data = Data::load(&folder("trips", &[("region-latency.toml", &text)])).expect("a good file");
    assert_eq!(data.one_way_latency_ns("Atlantis", "eastus"), Some(3_500_000));
    assert_eq!(data.measured_round_trip_ms("westeurope", "eastus"), None, "the file is replaced as a whole");
    let rows = "{ name = \"East US\", ms = [1] }, { name = \"b\", ms = [] }, { name = \"b\", ms = [1, 2] }";
    let said = refused("bad-trips", "region-latency.toml", &format!("{HEAD}regions = [{rows}]\n"));
    for part in
        ["write \"eastus\"", "b stands here twice", "b has 0 round trips, and 1 regions stand above it"]
    {
        assert!(said.contains(part), "{part} is not in: {said}");
    }
    let rows = "{ name = \"a\", ms = [] }, { name = \"b\", ms = [-1] }";
    assert!(
        refused("negative", "region-latency.toml", &format!("{HEAD}regions = [{rows}]\n")).contains(":3:")
    );
}

/// Numbers as large as the format allows must not overflow.
#[test]
fn large_figures_do_not_overflow() {
    let place = |name, lon| {
        format!("{{ name = \"{name}\", display = \"\", lat = 0.0, lon = {lon}.0, geography = \"\" }}")
    };
    let speed = format!("km_per_ms = 1\nroute_percent = {0}\nleast_km = {0}\n", u32::MAX);
    let text = format!("{HEAD}{speed}regions = [{}, {}]\n", place("a", 0), place("b", 180));
    let data = Data::load(&folder("large", &[("regions.toml", &text)])).expect("good files");
    assert!(data.one_way_latency_ns("a", "b").is_some_and(|ns| ns > 0));
}

/// Some cuts leave a good file, such as one inside the differences of 2017; none may panic.
#[test]
fn cut_files_never_panic() {
    for file in [
        "limits.toml",
        "none-routes.toml",
        "prices.toml",
        "region-latency.toml",
        "regions.toml",
        "vm-sizes.toml",
    ] {
        let path = format!("{}/files/{file}", env!("CARGO_MANIFEST_DIR"));
        let whole = fs::read_to_string(path).expect("a built-in file");
        assert!(Data::load(&folder("cut", &[(file, &whole)])).is_ok(), "{file}");
        for cut in (0..whole.len()).step_by(97) {
            let text: String = whole.chars().take(cut).collect();
            let refused = Data::load(&folder("cut", &[(file, &text)])).is_err();
            assert!(refused || cut > whole.len() / 3, "{file} cut at {cut}");
        }
    }
}

#[test]
fn bytes_that_are_not_text_are_refused() {
    let dir = folder("bytes", &[]);
    fs::write(dir.join("prices.toml"), [0xff, 0xfe, 0x00]).expect("a file for tests");
    assert!(Data::load(&dir).expect_err("not text").join("").contains("UTF-8"));
}
