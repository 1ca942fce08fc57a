//! `bundleproof serve`.

use std::{
    collections::BTreeMap,
    io::{self, BufReader},
    sync::Arc,
};

use clap::Parser;

use super::{Exit, console::Console};
use crate::{
    bundle::{
        BUNDLE,
        implementations::{Engine, built_ins},
    },
    harness::{adapter, contract::Contract as _, runner::Implementations, suite::nearest},
};

/// Serve an implementation that comes with the suite behind the adapter protocol
///
/// Requests are read from standard input, one JSON object a line, and answered on standard output, until
/// `shutdown` or the end of the input. It is what an adapter must do, to try one's own harness or to look at an
/// answer; conformance/adapters/PROTOCOL.md says what it is.
#[derive(Debug, Parser)]
pub(super) struct Serve {
    /// The reference, the stub, or a mutant as mutant:NAME
    #[arg(long = "impl", value_name = "NAME", default_value = "reference")]
    implementation: String,
}

impl Serve {
    pub(super) fn execute(&self, console: &Console) -> Result<Exit, Exit> {
        let name = self.implementation.strip_prefix("mutant:").unwrap_or(&self.implementation);
        standard_streams(name, None, console)
    }
}

/// Serves an implementation of the suite on the standard streams of the process; with an engine its networks are
/// executed.
pub fn serve(name: &str, engine: Option<Arc<dyn Engine>>) -> Exit {
    standard_streams(name, engine, &Console::new()).unwrap_or_else(|exit| exit)
}

fn standard_streams(name: &str, engine: Option<Arc<dyn Engine>>, console: &Console) -> Result<Exit, Exit> {
    let all = Implementations::of(&built_ins(engine));
    let Some(served) = all.get(name) else {
        let offer = nearest(name, all.names()).map(|offer| format!("; {offer}")).unwrap_or_default();
        console.error(&format!("no implementation is called {name:?}{offer}"));
        return Err(Exit::Usage);
    };
    let variable = |name: &str| std::env::var(name).ok().map(|value| (name.to_owned(), value));
    let environment: BTreeMap<String, String> =
        BUNDLE.environment().iter().filter_map(|(name, _)| variable(name)).collect();
    let input = BufReader::new(io::stdin().lock());
    match adapter::serve(&BUNDLE, served.as_ref(), &environment, input, io::stdout().lock()) {
        Ok(()) => Ok(Exit::Success),
        // Whoever asked is gone.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(Exit::Success),
        Err(error) => {
            console.error(&format!("the conversation cannot go on: {error}"));
            Err(Exit::Usage)
        }
    }
}
