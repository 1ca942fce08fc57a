//! The `bundleproof` program, a thin wrapper around [`bundleproof::cli`].

use bundleproof::cli::{self, Exit};

fn main() -> Exit {
    cli::main()
}
