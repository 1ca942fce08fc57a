//! The options that select the phases of a run, and the implementation of each phase.

use clap::{Args, ValueEnum};

use super::{
    Exit,
    console::Console,
    target::{AdapterOptions, Connect, RunTarget},
};
use crate::text::shell_argument;

/// Selects a plan, the phases, and the implementation of each phase.
#[derive(Debug, Args)]
pub(super) struct PhaseOptions {
    /// Only the rows of this plan, on the implementations listed in each row unless others are given
    #[arg(long, value_name = "NAME", help_heading = "Selection")]
    plan: Option<String>,

    /// Only this phase [default: red then green, or green with --impl]
    #[arg(long, value_enum, conflicts_with_all = ["red", "green"], help_heading = "Selection")]
    phase: Option<PhaseOption>,

    /// Red phase of the plan on this implementation, named as for --impl; only this phase unless --green is given
    #[arg(long, value_name = "NAME", requires = "plan", conflicts_with_all = ["implementation", "command"], help_heading = "Selection")]
    red: Option<String>,

    /// Green phase of the plan on this implementation; only this phase unless --red is given
    #[arg(long, value_name = "NAME", requires = "plan", conflicts_with_all = ["implementation", "command"], help_heading = "Selection")]
    green: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum PhaseOption {
    Red,
    Green,
}

/// The implementation of each phase.
pub(super) struct Phases {
    pub(super) red: PhaseTarget,
    pub(super) green: PhaseTarget,
}

/// Whether and on which implementation a phase runs.
pub(super) enum PhaseTarget {
    /// The phase does not run.
    Skipped,
    /// On the implementations of the red entries, the rows or the reference.
    Default,
    /// On this implementation.
    On(RunTarget),
}

impl PhaseOptions {
    /// The name of the plan.
    pub(super) fn plan(&self) -> Option<&str> {
        self.plan.as_deref()
    }

    /// The phases with their implementations. Programs are started and probed.
    pub(super) fn resolve(
        &self,
        adapter: &AdapterOptions,
        connect: &Connect<'_>,
        console: &Console,
    ) -> Result<Phases, Exit> {
        let phases = if let (None, None) = (&self.red, &self.green) {
            let target = adapter.target(connect, console)?;
            self.with_one(target, console)?
        } else {
            self.with_each(connect, console)?
        };
        let green_only = [
            (adapter.max_unsupported().is_some(), "--max-unsupported"),
            (adapter.writes_known(), "--write-known"),
        ];
        let ignored = green_only.into_iter().find(|(given, _)| *given && !phases.green.runs());
        if let Some((_, option)) = ignored {
            console.error(&format!(
                "{option} requires a green phase: it is about the implementation under test"
            ));
            return Err(Exit::Usage);
        }
        if [&phases.red, &phases.green].into_iter().any(PhaseTarget::is_third_party) {
            return Ok(phases);
        }
        if connect.is_traced() {
            console.error("--trace requires an adapter: built-in implementations exchange no messages");
            return Err(Exit::Usage);
        }
        if connect.is_sandboxed() {
            console.error("--sandbox requires an adapter: built-in implementations are part of this program");
            return Err(Exit::Usage);
        }
        Ok(phases)
    }

    /// The phases with the implementation of `--impl` or `--impl-cmd`, if one is given.
    fn with_one(&self, target: Option<RunTarget>, console: &Console) -> Result<Phases, Exit> {
        use PhaseTarget::{Default, On, Skipped};
        let (red, green) = match (self.phase, target) {
            (None, None) => (Default, Default),
            (Some(PhaseOption::Red), None) => (Default, Skipped),
            (Some(PhaseOption::Green), None) => (Skipped, Default),
            (Some(PhaseOption::Red), Some(target)) => {
                if target.is_third_party() && self.plan.is_none() {
                    let name = target.implementation.name();
                    console.error(&format!(
                        "--phase red on {name} requires --plan: cases state what fails on built-in \
                         implementations, and only a plan states what must fail on another one"
                    ));
                    return Err(Exit::Usage);
                }
                (On(target), Skipped)
            }
            (None | Some(PhaseOption::Green), Some(target)) => (Skipped, On(target)),
        };
        Ok(Phases { red, green })
    }

    /// The phases with the implementations of `--red` and `--green`.
    fn with_each(&self, connect: &Connect<'_>, console: &Console) -> Result<Phases, Exit> {
        let on = |name: &str| connect.named(name, console);
        let red = self.red.as_deref().map(on).transpose()?;
        let same = red.as_ref().filter(|_| self.red == self.green).cloned();
        let green = match same {
            Some(same) => Some(same),
            None => self.green.as_deref().map(on).transpose()?,
        };
        if let (Some(red), Some(green)) = (&red, &green)
            && red.implementation.name() == green.implementation.name()
            && self.red != self.green
        {
            let name = red.implementation.name();
            console.error(&format!("--red and --green are both called {name}; rename one of the files"));
            return Err(Exit::Usage);
        }
        let phase = |target: Option<RunTarget>| target.map_or(PhaseTarget::Skipped, PhaseTarget::On);
        Ok(Phases { red: phase(red), green: phase(green) })
    }

    /// The options as command-line arguments, for reports.
    pub(super) fn arguments(&self) -> Vec<String> {
        let phase = self.phase.map(|phase| match phase {
            PhaseOption::Red => "red",
            PhaseOption::Green => "green",
        });
        let given = [
            ("--plan", self.plan.as_deref()),
            ("--phase", phase),
            ("--red", self.red.as_deref()),
            ("--green", self.green.as_deref()),
        ];
        let given = given.into_iter().filter_map(|(option, value)| Some((option, value?)));
        given.map(|(option, value)| format!("{option} {}", shell_argument(value))).collect()
    }
}

impl Phases {
    /// The implementations that the command line gives.
    pub(super) fn given(&self) -> impl Iterator<Item = &RunTarget> {
        [&self.red, &self.green].into_iter().filter_map(PhaseTarget::given)
    }

    /// The third-party implementations, each once.
    pub(super) fn third_parties(&self) -> Vec<&RunTarget> {
        let mut all: Vec<&RunTarget> = Vec::new();
        for target in self.given() {
            let name = target.implementation.name();
            if target.is_third_party() && all.iter().all(|known| known.implementation.name() != name) {
                all.push(target);
            }
        }
        all
    }
}

impl PhaseTarget {
    /// Whether the phase runs.
    pub(super) fn runs(&self) -> bool {
        match self {
            Self::Skipped => false,
            Self::Default | Self::On(_) => true,
        }
    }

    /// The given implementation.
    pub(super) fn given(&self) -> Option<&RunTarget> {
        match self {
            Self::Skipped | Self::Default => None,
            Self::On(target) => Some(target),
        }
    }

    /// The name of the given implementation.
    pub(super) fn name(&self) -> Option<&str> {
        self.given().map(|target| target.implementation.name())
    }

    fn is_third_party(&self) -> bool {
        self.given().is_some_and(RunTarget::is_third_party)
    }
}
