//! Compiles the API's definitions without a system `protoc`, and keeps their descriptors, comments
//! included, for reflection.

use std::{env, fs, path::PathBuf};

fn main() -> Result<(), Box<dyn std::error::Error>> {
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
