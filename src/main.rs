//! The program; everything it does is in [`bundleproof::cli`].

use bundleproof::cli::{self, Exit};

fn main() -> Exit {
    cli::main()
}
