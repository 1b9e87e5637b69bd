//! Compiles the protobuf files without a system protoc.

use std::error::Error;
use std::path::PathBuf;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=proto");
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    let descriptors = protox::compile(["treering/v1/log.proto"], ["proto"])?;
    // `compile_fds` writes no descriptor file itself, and server reflection wants one.
    std::fs::write(
        out.join("treering.v1.bin"),
        prost::Message::encode_to_vec(&descriptors),
    )?;
    tonic_prost_build::configure()
        .bytes(".treering.v1")
        .compile_fds(descriptors)?;
    Ok(())
}
