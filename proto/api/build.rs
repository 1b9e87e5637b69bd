//! Compiles the protobuf files without a system protoc.

use std::error::Error;
use std::path::{Path, PathBuf};

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=proto");
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    compile(&out, "treering/v1/log.proto", "treering")?;
    compile(&out, "rekor/v2/rekor_service.proto", "sigstore")
}

/// Messages and services of a file and of what it imports into `NAME.rs`, and their descriptors into `NAME.bin`.
fn compile(out: &Path, file: &str, name: &str) -> Result<(), Box<dyn Error>> {
    let descriptors = protox::compile([file], ["proto"])?;
    // `compile_fds` writes no descriptor file itself, and server reflection wants one.
    let encoded = prost::Message::encode_to_vec(&descriptors);
    std::fs::write(out.join(name).with_extension("bin"), encoded)?;
    tonic_prost_build::configure()
        .bytes(".")
        .include_file(format!("{name}.rs"))
        .compile_fds(descriptors)?;
    Ok(())
}
