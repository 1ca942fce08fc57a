//! `bundleproof serve`.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    io::{self, BufReader},
    sync::Arc,
};

use clap::Parser;

use super::{
    Exit,
    console::{Color, Console},
    suite_option::with_embedded_mutants,
};
use crate::{
    bundle::{
        BUNDLE,
        implementations::{Engine, built_ins},
    },
    harness::{adapter, runner::Implementations, suite::nearest},
};

/// Serve a built-in implementation over the adapter protocol
///
/// Reads requests from standard input, one JSON object per line, and writes responses to standard output, until
/// `shutdown` or end of input. Use it to test a harness of your own or to see what an adapter should reply; the
/// protocol is in conformance/adapters/PROTOCOL.md.
#[derive(Debug, Parser)]
pub(super) struct Serve {
    /// The reference, the stub or a mutant (NAME or mutant:NAME)
    #[arg(long = "impl", value_name = "NAME", default_value = "reference")]
    implementation: String,
}

impl Serve {
    pub(super) fn execute(&self, console: &Console) -> Result<Exit, Exit> {
        let name = self.implementation.strip_prefix("mutant:").unwrap_or(&self.implementation);
        standard_streams(name, None, console)
    }
}

/// Serves a built-in implementation on standard input and output; its networks are executed if there is an engine.
pub fn serve(name: &str, engine: Option<Arc<dyn Engine>>) -> Exit {
    standard_streams(name, engine, &Console::new(Color::Auto, false)).unwrap_or_else(|exit| exit)
}

fn standard_streams(name: &str, engine: Option<Arc<dyn Engine>>, console: &Console) -> Result<Exit, Exit> {
    let own = built_ins(engine);
    let of_program = Implementations::of(&own);
    // The mutants of the suite take a moment to read.
    let all = match of_program.get(name) {
        Some(_) => of_program,
        None => with_embedded_mutants(own, console)?,
    };
    let Some(served) = all.get(name) else {
        let offer = nearest(name, all.names()).map(|offer| format!("; {offer}")).unwrap_or_default();
        console.error(&format!("unknown implementation {name:?}{offer}"));
        return Err(Exit::Usage);
    };
    let text =
        |(name, value): (OsString, OsString)| Some((name.into_string().ok()?, value.into_string().ok()?));
    let environment: BTreeMap<String, String> = std::env::vars_os().filter_map(text).collect();
    let input = BufReader::new(io::stdin().lock());
    match adapter::serve(&BUNDLE, served.as_ref(), &environment, input, io::stdout().lock()) {
        Ok(()) => Ok(Exit::Success),
        // The client closed the connection, which is a normal end.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(Exit::Success),
        Err(error) => {
            console.error(&format!("connection failed: {error}"));
            Err(Exit::Usage)
        }
    }
}
