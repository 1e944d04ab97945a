//! The committed Rust code is what the `.proto` files say. `BLESS=1` rewrites it (`make proto`).

use std::{env, fs, path::Path};

use prost::Message as _;

#[test]
fn committed_code_is_what_the_proto_files_say() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let out = tempfile::tempdir().unwrap();
    let descriptors = protox::compile(["tacho/v1/agent.proto"], [root.join("proto")]).unwrap();
    assert!(!descriptors.encode_to_vec().is_empty());
    tonic_prost_build::configure()
        .out_dir(out.path())
        // Either side brings its own connections and TLS.
        .build_transport(false)
        // Kept compressed, and shared between the queue and the connection without a copy.
        .bytes(".tacho.v1.Frame.blocks")
        .compile_fds(descriptors)
        .unwrap();
    let generated = fs::read_to_string(out.path().join("tacho.v1.rs")).unwrap();
    let committed = root.join("src/generated/tacho.v1.rs");
    if env::var_os("BLESS").is_some() {
        fs::write(&committed, &generated).unwrap();
    }
    let there = fs::read_to_string(&committed).unwrap_or_default();
    assert!(there == generated, "{} is out of date; run `make proto`", committed.display());
}
