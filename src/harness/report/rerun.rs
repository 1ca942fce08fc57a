//! The command that reruns a check.

use crate::{
    harness::{record::RunRecord, runner::Phase},
    text::{shell_argument, shell_word},
};

/// The command that reruns one check in one phase, or imports a test of another runner again.
pub fn rerun_command(run: &RunRecord, check: &str, phase: Phase, implementation: &str) -> String {
    let suite = suite_option(run);
    if let Some(imported) = &run.imported {
        // The program does not know how the other runner is started.
        let files = imported.junit.iter().map(|file| shell_argument(&file.original));
        let files = files.collect::<Vec<_>>().join(" ");
        let plan = run.plan.as_ref().map(|plan| shell_argument(&plan.name)).unwrap_or_default();
        let (phase, implementation) = (phase.as_str(), run.option(implementation));
        return format!("bundleproof import{suite} {files} --plan {plan} --phase {phase} {implementation}");
    }
    // Only a plan states what must fail on a third-party implementation, and why.
    let plan = run.plan.as_ref().map(|plan| format!(" --plan {}", shell_argument(&plan.name)));
    let red = match phase {
        Phase::Red => plan.unwrap_or_default() + " --phase red",
        Phase::Green => String::new(),
    };
    let (check, implementation) = (shell_word(check), run.option(implementation));
    format!("bundleproof run{suite} --case {check}{red} {implementation}")
}

/// The option, after a space, that names the suite of the run; nothing for the suite in the program.
pub(super) fn suite_option(run: &RunRecord) -> String {
    run.suite.as_ref().map(|suite| format!(" --suite {}", shell_argument(suite))).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::harness::test_helpers;

    #[test]
    fn a_rerun_names_the_target_as_given() {
        let options = [("reference".to_owned(), "--impl ./odd.toml".to_owned())].into();
        let run = RunRecord { options, ..test_helpers::run() };
        let command = rerun_command(&run, "a/b", Phase::Green, "reference");
        assert_eq!(command, "bundleproof run --case 'a/b' --impl ./odd.toml");
    }

    #[rstest]
    #[case(
        "persistence/a[b c]",
        Phase::Red,
        "stub",
        "bundleproof run --case 'persistence/a[b c]' --phase red --impl stub"
    )]
    #[case(
        "persistence/a",
        Phase::Green,
        "reference",
        "bundleproof run --case 'persistence/a' --impl reference"
    )]
    #[case("it's", Phase::Green, "a;b", r"bundleproof run --case 'it'\''s' --impl 'a;b'")]
    fn a_rerun_runs_one_check(
        #[case] check: &str,
        #[case] phase: Phase,
        #[case] implementation: &str,
        #[case] command: &str,
    ) {
        let mut run = test_helpers::run();
        assert_eq!(rerun_command(&run, check, phase, implementation), command);
        run.suite = Some("my suite".into());
        let elsewhere = rerun_command(&run, check, phase, implementation);
        assert_eq!(elsewhere, command.replacen(" run", " run --suite 'my suite'", 1));
    }
}
