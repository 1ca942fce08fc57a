//! Rebuilds the embedded suite when one of its files changes or is added, and links `bundleproof-torch` with the path
//! of the libtorch it was built against.

fn main() {
    // Not all of `conformance`: the fuzz corpus changes often and is not embedded.
    println!("cargo::rerun-if-changed=conformance/bundle");
    println!("cargo::rerun-if-changed=fixtures");
    if let Ok(libtorch) = std::env::var("DEP_TCH_LIBTORCH_LIB") {
        println!("cargo::rustc-link-arg-bin=bundleproof-torch=-Wl,-rpath,{libtorch}");
    }
}
