//! Compiles the contracts. `protox` is a protobuf compiler in Rust: nothing to install.

use std::path::Path;

use prost::Message as _;

const PROTOS: [&str; 6] = [
    "moderato/types/v1/types.proto",
    "moderato/ingest/v1/ingest.proto",
    "moderato/query/v1/query.proto",
    "moderato/rules/v1/rules.proto",
    "moderato/review/v1/review.proto",
    "moderato/internal/v1/internal.proto",
];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let root = Path::new("../../proto");
    println!("cargo:rerun-if-changed={}", root.display());
    let descriptors = protox::compile(PROTOS, [root])?;
    let out = std::path::PathBuf::from(std::env::var("OUT_DIR")?);
    std::fs::write(out.join("descriptors.bin"), descriptors.encode_to_vec())?;
    let types = protox::compile([PROTOS[0]], [root])?;
    tonic_prost_build::configure().disable_comments(["."]).compile_fds(types)?;
    tonic_prost_build::configure()
        .codec_path("crate::codec::StrictCodec")
        // Services name the shared types by the module they live in here.
        .extern_path(".moderato.types.v1", "crate::pb::types")
        .disable_comments(["."])
        .compile_fds(descriptors)?;
    Ok(())
}
