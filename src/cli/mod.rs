//! The command line, with one file per subcommand.
//!
//! Only this module prints, reads the environment and chooses an exit code. It also connects the parts: the harness
//! does not know the bundle contract, and gets it from here.

mod audit;
mod check;
mod check_targets;
mod checked;
mod compare;
mod compare_input;
mod completions;
mod console;
mod contract_page;
mod control;
mod coverage;
mod doctor;
mod exit;
mod explain;
mod explained_words;
mod github;
mod implementation_file;
mod import;
mod inherited;
mod inspect;
mod inspect_tensors;
mod inspect_text;
mod interop;
mod interruption;
mod known_file;
mod ledger;
mod list;
mod listed;
mod make_fixtures;
mod man;
mod merge;
mod new_adapter;
mod observations;
mod output;
mod outputs;
mod phases;
mod plan_options;
mod printed_run;
mod printed_torch;
mod prove;
mod proven_file;
mod render;
mod report_argument;
mod run;
mod run_exit;
mod run_progress;
mod run_session;
mod secrets;
mod selection;
mod serve;
mod settings;
mod standard_input;
mod started_files;
mod suite_option;
mod summary;
#[cfg(target_os = "linux")]
mod supervise;
mod survey;
mod target;
mod torch;
mod version;
mod weaken;
mod workflow_command;

pub use exit::Exit;
pub use implementation_file::ImplementationFile;
pub use serve::serve;

use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

use self::{
    console::{Color, Console},
    settings::Settings,
    suite_option::SuiteOption,
};

/// Test implementations of the model bundle contract, after proving that every case can fail.
#[derive(Debug, Parser)]
#[command(name = "bundleproof", version, long_version = version::LONG.as_str(), after_help = exit::HELP)]
#[command(arg_required_else_help = true, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Command,

    /// Color the output
    #[arg(long, global = true, value_enum, value_name = "WHEN", default_value = "auto")]
    color: Color,
}

#[derive(Debug, Subcommand)]
enum Command {
    Run(Box<run::Run>),
    Doctor(doctor::Doctor),
    Prove(prove::Prove),
    Check(check::Check),
    Inspect(inspect::Inspect),
    Ledger(ledger::Ledger),
    Import(import::Import),
    Compare(compare::Compare),
    Merge(merge::Merge),
    Render(render::Render),
    Audit(audit::Audit),
    Interop(interop::Interop),
    List(list::List),
    Explain(explain::Explain),
    #[command(name = "contract")]
    ContractPage(contract_page::ContractPage),
    Survey(survey::Survey),
    Serve(serve::Serve),
    MakeFixtures(make_fixtures::MakeFixtures),
    NewAdapter(new_adapter::NewAdapter),
    Completions(completions::Completions),
    #[command(name = "man")]
    ManPage(man::ManPage),
    #[cfg(target_os = "linux")]
    #[command(hide = true)]
    Supervise(supervise::Supervise),
    #[cfg(target_os = "linux")]
    #[command(hide = true)]
    BeginSession(supervise::BeginSession),
}

/// Parses the command line and runs the subcommand.
pub fn main() -> Exit {
    let json_errors = std::env::args_os().any(|argument| argument == "--json");
    let arguments = match parsed(json_errors) {
        Ok(arguments) => arguments,
        Err(exit) => return exit,
    };
    let console = Console::new(arguments.color, json_errors);
    let ended = match arguments.command {
        Command::Run(run) => run.execute(&console),
        Command::Doctor(doctor) => doctor.execute(&console),
        Command::Prove(prove) => prove.execute(&console),
        Command::Check(check) => check.execute(&console),
        Command::Inspect(inspect) => inspect.execute(&console),
        Command::Ledger(ledger) => ledger.execute(&console),
        Command::Import(import) => import.execute(&console),
        Command::Compare(compare) => compare.execute(&console),
        Command::Merge(merge) => merge.execute(&console),
        Command::Render(render) => render.execute(&console),
        Command::Audit(audit) => audit.execute(&console),
        Command::Interop(interop) => interop.execute(&console),
        Command::List(list) => list.execute(&console),
        Command::Explain(explain) => explain.execute(&console),
        Command::ContractPage(page) => page.execute(&console),
        Command::Survey(survey) => survey.execute(&console),
        Command::Serve(serve) => serve.execute(&console),
        Command::MakeFixtures(make) => make.execute(&console),
        Command::NewAdapter(new) => new.execute(&console),
        Command::Completions(completions) => completions.execute(command(), &console),
        Command::ManPage(page) => page.execute(command(), &console),
        #[cfg(target_os = "linux")]
        Command::Supervise(supervise) => supervise.execute(&console),
        #[cfg(target_os = "linux")]
        Command::BeginSession(session) => session.execute(&console),
    };
    console.close(ended.unwrap_or_else(|exit| exit))
}

/// The command line, with the settings of the project where it says nothing; or the exit code of what was printed instead.
fn parsed(json_errors: bool) -> Result<Arguments, Exit> {
    let console = Console::new(Color::Auto, json_errors);
    let unusual = |error: clap::Error| {
        if !error.use_stderr() {
            console.printed(error.print());
            return console.close(Exit::Success);
        }
        if json_errors {
            console.error(error.to_string().trim_end().trim_start_matches("error: "));
        } else {
            // There is nowhere else to say that standard error cannot be written.
            let _ = error.print();
        }
        Exit::Usage
    };
    let mut matches = command().try_get_matches().map_err(unusual)?;
    if let Some(name) = matches.subcommand_name().map(str::to_owned)
        && let Some(settings) = Settings::of(&name, &console)?
    {
        matches = settings.apply(command(), &name).try_get_matches().map_err(unusual)?;
        matches.subcommand().into_iter().for_each(|(_, given)| settings.note(given, &console));
    }
    Arguments::from_arg_matches(&matches).map_err(unusual)
}

/// The clap definition, from which scripts for completion and manual pages are generated.
fn command() -> clap::Command {
    Arguments::command()
}
