//! Scenario files: which of them a folder holds, and reading one, with a limit.

use std::{
    fs::File,
    io::Read,
    path::{Path, PathBuf},
};

use vnetsim_report::Sources;
use vnetsim_scenario::{Loaded, load};
use vnetsim_types::{Problem, Span, limits::INPUT_BYTES_MAX};

/// A file that was read, and what it says.
pub(crate) struct Input {
    pub(crate) sources: Sources,
    pub(crate) loaded: Loaded,
}

/// Reads `path`. What goes wrong is a problem like any other.
pub(crate) fn read(path: &Path) -> Input {
    let mut sources = Sources::default();
    let name = path.display().to_string();
    match bytes(path, INPUT_BYTES_MAX as u64) {
        Ok(bytes) => {
            let file = sources.add(name, &bytes);
            Input { loaded: load(&bytes, file), sources }
        }
        Err(why) => {
            let problem =
                Problem::error("CANNOT_READ", Span::default(), format!("cannot read {name}: {why}"))
                    .help("name a scenario file, such as scenarios/hub-and-spoke.yaml");
            Input { loaded: Loaded { scenario: None, problems: vec![problem] }, sources }
        }
    }
}

/// The contents of a file of at most `bytes_max`.
pub(crate) fn bytes(path: &Path, bytes_max: u64) -> Result<Vec<u8>, String> {
    let file = File::open(path).map_err(|e| e.to_string())?;
    if file.metadata().map_err(|e| e.to_string())?.is_dir() {
        return Err("it is a directory".to_owned());
    }
    let mut bytes = Vec::new();
    file.take(bytes_max + 1).read_to_end(&mut bytes).map_err(|e| e.to_string())?;
    if bytes.len() as u64 > bytes_max {
        return Err(format!("it is larger than {} MiB", bytes_max >> 20));
    }
    Ok(bytes)
}

/// The scenario files of a folder and its subfolders, sorted.
pub(crate) fn scenario_files(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(scenario_files(&path)?);
        } else if path.extension().is_some_and(|e| e == "yaml" || e == "json") {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}
