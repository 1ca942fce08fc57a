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
mod control;
mod coverage;
mod exit;
mod explain;
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
mod make_fixtures;
mod merge;
mod new_adapter;
mod observations;
mod phases;
mod plan_options;
mod printed_torch;
mod prove;
mod proven_file;
mod render;
mod report_argument;
mod run;
mod run_exit;
mod run_session;
mod secrets;
mod selection;
mod serve;
mod started_files;
mod suite_option;
mod summary;
#[cfg(target_os = "linux")]
mod supervise;
mod survey;
mod target;
mod torch;
mod weaken;
mod workflow_command;

pub use exit::Exit;
pub use implementation_file::ImplementationFile;
pub use serve::serve;

use clap::{Parser, Subcommand};

use self::{
    console::{Color, Console},
    suite_option::SuiteOption,
};

/// Test implementations of the model bundle contract, after proving that every case can fail.
#[derive(Debug, Parser)]
#[command(name = "bundleproof", version, after_help = exit::HELP)]
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
    Survey(survey::Survey),
    Serve(serve::Serve),
    MakeFixtures(make_fixtures::MakeFixtures),
    NewAdapter(new_adapter::NewAdapter),
    Completions(completions::Completions),
    #[cfg(target_os = "linux")]
    #[command(hide = true)]
    Supervise(supervise::Supervise),
    #[cfg(target_os = "linux")]
    #[command(hide = true)]
    BeginSession(supervise::BeginSession),
}

/// Parses the command line and runs the subcommand.
pub fn main() -> Exit {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            let printed = error.print();
            let exit = if error.use_stderr() { Exit::Usage } else { Exit::Success };
            let console = Console::new(Color::Auto);
            if !error.use_stderr() {
                console.printed(printed);
            }
            return console.close(exit);
        }
    };
    let console = Console::new(arguments.color);
    let ended = match arguments.command {
        Command::Run(run) => run.execute(&console),
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
        Command::Survey(survey) => survey.execute(&console),
        Command::Serve(serve) => serve.execute(&console),
        Command::MakeFixtures(make) => make.execute(&console),
        Command::NewAdapter(new) => new.execute(&console),
        Command::Completions(completions) => completions.execute(command(), &console),
        #[cfg(target_os = "linux")]
        Command::Supervise(supervise) => supervise.execute(&console),
        #[cfg(target_os = "linux")]
        Command::BeginSession(session) => session.execute(&console),
    };
    console.close(ended.unwrap_or_else(|exit| exit))
}

/// The clap definition, which `completions` generates scripts from.
fn command() -> clap::Command {
    <Arguments as clap::CommandFactory>::command()
}
