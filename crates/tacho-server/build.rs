//! Makes sure that the folder of the built page exists, so that the server builds without Node. It then
//! serves a page that says how to get the real one.

use std::path::Path;

fn main() -> std::io::Result<()> {
    let root = std::env::var("CARGO_MANIFEST_DIR").map_err(std::io::Error::other)?;
    let dist = Path::new(&root).join("../../web/dist");
    std::fs::create_dir_all(&dist)?;
    // Cargo looks at the newest file in there; without this line it would look at the whole crate.
    println!("cargo::rerun-if-changed={}", dist.display());
    println!("cargo::rerun-if-changed=build.rs");
    Ok(())
}
