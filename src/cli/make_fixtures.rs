//! `bundleproof make-fixtures`.

use std::{path::PathBuf, sync::Arc, sync::atomic::Ordering};

use clap::Parser;

use super::{
    Exit, SuiteOption,
    console::{Console, counted},
    interruption,
    target::Connect,
};
use crate::{
    bundle::own_fixtures::{MadeBundle, MakeError, make},
    text::{line, shell_argument},
};

/// Let an implementation make the fixtures that it cannot load because it builds other networks
///
/// The implementation creates and saves the models of each fixture, and bundleproof packs the bundle as the fixture is
/// packed: stored or deflated, with or without a tag. `bundleproof run --impl NAME --fixtures DIR` then runs the checks
/// that need `fixture_networks` with these bundles. A bundle that the implementation refuses to save is listed as
/// refused, and the checks that need it are skipped.
#[derive(Debug, Parser)]
pub(super) struct MakeFixtures {
    /// Implementation: a built-in one, the name of a file in the suite's folder `implementations`, or the path of an
    /// implementation file (.toml)
    #[arg(long = "impl", value_name = "NAME")]
    implementation: String,

    /// Directory to create
    #[arg(long, value_name = "DIR")]
    out: PathBuf,

    #[command(flatten)]
    suite: SuiteOption,
}

impl MakeFixtures {
    pub(super) fn execute(&self, console: &Console) -> Result<Exit, Exit> {
        let (suite, known) = self.suite.load(console)?;
        let implementation =
            Connect::new(&suite, &known).named(&self.implementation, console)?.implementation;
        let running = Arc::clone(&implementation);
        let interrupted = interruption::listen(console, move || running.end());
        let made = make(implementation.as_ref(), &suite, &self.out);
        implementation.end();
        if interrupted.load(Ordering::Relaxed) && made.is_err() {
            console.error("interrupted: nothing was written");
            return Err(Exit::Interrupted);
        }
        let made = made.map_err(|error| {
            console.error(&line(&format!("{error}; nothing was written")));
            match error {
                MakeError::Exists(_) | MakeError::Disk { .. } | MakeError::NotOffered { .. } => Exit::Usage,
                MakeError::Blueprints(_) => Exit::InvalidSuite,
                MakeError::Lost { .. } => Exit::AdapterUnusable,
                MakeError::NothingMade { .. } => Exit::DoesNotConform,
            }
        })?;
        let mut text = String::new();
        let mut bundles = 0;
        for (name, bundle) in &made.bundles {
            match bundle {
                MadeBundle::Files(_) => bundles += 1,
                MadeBundle::Refused(why) => text.push_str(&format!("refused {name}: {}\n", line(why))),
            }
        }
        let out = self.out.display().to_string();

        let (bundles, name) = (counted(bundles, "bundle"), line(&made.made_by));
        text.push_str(&format!("wrote {bundles} of {name} to {}\n", line(&out)));
        console.print(&text);
        let [name, out] = [&self.implementation, &out].map(|word| shell_argument(word));
        console.note(&format!("next: bundleproof run --impl {name} --fixtures {out}"));
        Ok(Exit::Success)
    }
}
