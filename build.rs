//! Compiles the API's definitions without a system `protoc`, and keeps their descriptors, comments
//! included, for reflection.

use std::{env, fs, path::PathBuf, process::Command};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo:rustc-env=RONDO_REVISION={}", revision());
    println!("cargo:rerun-if-changed=proto");
    println!("cargo:rerun-if-changed=migrations");

    let mut definitions: Vec<PathBuf> = fs::read_dir("proto/rondo/v1")?
        .map(|entry| Ok(entry?.path()))
        .collect::<std::io::Result<_>>()?;
    definitions.sort();

    let mut compiler = protox::Compiler::new(["proto"])?;
    compiler.include_imports(true).include_source_info(true).open_files(&definitions)?;

    let descriptors = PathBuf::from(env::var("OUT_DIR")?).join("rondo.v1.binpb");
    fs::write(descriptors, compiler.encode_file_descriptor_set())?;
    let mut config = tonic_prost_build::Config::new();
    // So that each message can be looked up among the descriptors.
    config.enable_type_names();
    // So that equal requests are equal bytes, by which they are told apart.
    config.btree_map(["."]);
    tonic_prost_build::configure()
        .compile_fds_with_config(compiler.file_descriptor_set(), config)?;
    Ok(())
}

/// What an optimised program says of its source, ` (1a2b3c4d5e6f)`: so that a simulated world that went wrong
/// can be lived through again. Nothing without git; and nothing while one develops, since each commit would
/// build all anew.
fn revision() -> String {
    if env::var("PROFILE").is_ok_and(|profile| profile == "debug") {
        return String::new();
    }
    let git = |asked: &[&str]| {
        let told =
            Command::new("git").args(asked).output().ok().filter(|told| told.status.success())?;
        Some(String::from_utf8(told.stdout).ok()?.trim().to_owned())
    };
    if let Some(moves) = git(&["rev-parse", "--git-path", "logs/HEAD"]) {
        println!("cargo:rerun-if-changed={moves}");
    }
    git(&["rev-parse", "--short=12", "HEAD"]).map_or_else(String::new, |hash| format!(" ({hash})"))
}
