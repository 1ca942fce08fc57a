//! Makes the embedded suite follow the files it is made of, new ones included.

fn main() {
    // Not all of `conformance`: what fuzzing finds comes and goes there, and nothing of it is embedded.
    for part in ["requirements", "cases", "plans", "implementations", "configs.toml", "proven.toml"] {
        println!("cargo::rerun-if-changed=conformance/{part}");
    }
    println!("cargo::rerun-if-changed=fixtures");
}
