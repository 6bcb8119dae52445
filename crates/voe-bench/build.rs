//! Embeds the suites that ship in the library: the files of `suites`, unchanged.

use std::fmt::Write;
use std::path::{Path, PathBuf};

fn main() -> std::io::Result<()> {
    let top = PathBuf::from(env("CARGO_MANIFEST_DIR")?).join("../../suites").canonicalize()?;
    println!("cargo:rerun-if-changed={}", top.display());
    let mut files = Vec::new();
    walk(&top, &mut files)?;
    files.sort();
    let mut code = String::from("&[\n");
    for file in &files {
        let name = file.strip_prefix(&top).unwrap_or(file).to_string_lossy().into_owned();
        let _ = writeln!(code, "    ({name:?}, include_bytes!({:?})),", file.display().to_string());
    }
    code.push(']');
    std::fs::write(PathBuf::from(env("OUT_DIR")?).join("suites.rs"), code)
}

fn env(name: &str) -> std::io::Result<String> {
    std::env::var(name).map_err(|e| std::io::Error::other(format!("{name}: {e}")))
}

fn walk(dir: &Path, files: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(dir)? {
        let path = entry?.path();
        // Leftovers of a test run in the sources are not part of the suite.
        if path.ends_with("__pycache__") || path.ends_with("target") {
            continue;
        }
        if path.is_dir() { walk(&path, files)? } else { files.push(path) }
    }
    Ok(())
}
