//! Makes the embedded suite follow the files it is made of, new ones included.

fn main() {
    println!("cargo::rerun-if-changed=conformance");
    println!("cargo::rerun-if-changed=fixtures");
}
