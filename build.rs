//! Makes the embedded suite follow the files it is made of, new ones included, and `bundleproof-torch` find the
//! libtorch that it is built with.

fn main() {
    // Not all of `conformance`: what fuzzing finds comes and goes there, and nothing of it is embedded.
    for part in ["bundle"] {
        println!("cargo::rerun-if-changed=conformance/{part}");
    }
    println!("cargo::rerun-if-changed=fixtures");
    if let Ok(place) = std::env::var("DEP_TCH_LIBTORCH_LIB") {
        println!("cargo::rustc-link-arg-bin=bundleproof-torch=-Wl,-rpath,{place}");
    }
}
