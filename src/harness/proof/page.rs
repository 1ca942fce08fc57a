//! The kill matrix as a page of Markdown.

use super::{AdversaryProof, CheckProof, KillMatrix, MutantProof, RequirementProof};
use crate::text::{markdown as escaped, markdown_code as code};

/// The matrix as Markdown: problems first, then mutants, requirements and checks.
pub fn markdown(matrix: &KillMatrix) -> String {
    let counts = matrix.counts;
    let mut page = format!(
        "# Kill matrix\n\n- {} checks of {} cases, with {} expectations\n- {} of {} mutants killed by a check about \
         the requirement they break\n- {} kills in {} runs\n",
        counts.checks,
        counts.cases,
        counts.expectations,
        counts.killed,
        counts.mutants,
        counts.kills,
        counts.runs
    );
    page.push_str("\n## Problems\n\n");
    if matrix.problems.is_empty() {
        page.push_str("None.\n");
    }
    for problem in &matrix.problems {
        page.push_str(&format!("- {}\n", escaped(&problem.to_string())));
    }
    if !matrix.set_aside.is_empty() {
        page.push_str("\n## Set aside\n\nOnly skipped checks can kill these mutants:\n\n");
    }
    for aside in &matrix.set_aside {
        page.push_str(&format!("- {}\n", escaped(&aside.to_string())));
    }
    if let Some(weakened) = &matrix.weakened {
        page.push_str(&format!("\n## Weakened expectations\n\n{weakened}.\n\n"));
        for part in &weakened.unneeded {
            page.push_str(&format!("- {}\n", escaped(&part.to_string())));
        }
    }
    page.push_str("\n## Mutants\n\n| Mutant | Breaks | Killed by | Smallest killer | Fails elsewhere |\n|---|---|---|---|---|\n");
    page.extend(matrix.mutants.iter().map(mutant));
    page.push_str("\n## Requirements\n\n| Requirement | Cases | Killed | Surviving |\n|---|---|---|---|\n");
    page.extend(matrix.requirements.iter().map(requirement));
    if !matrix.adversaries.is_empty() {
        page.push_str(
            "\n## Adversaries\n\n| Adversary | Affects | Noticed by | Passes |\n|---|---|---|---|\n",
        );
    }
    page.extend(matrix.adversaries.iter().map(adversary));
    page.push_str("\n## Checks\n\n| Check | Expectation | Fails on |\n|---|---|---|\n");
    page.extend(matrix.checks.iter().map(check));
    page
}

fn mutant(mutant: &MutantProof) -> String {
    let smallest = mutant.killers.first().map_or("none".to_owned(), |check| code(check));
    let (killers, others) = (mutant.killers.len(), mutant.others.len());
    format!("| {} | {} | {killers} | {smallest} | {others} |\n", code(&mutant.name), escaped(&mutant.breaks))
}

fn adversary(adversary: &AdversaryProof) -> String {
    let AdversaryProof { name, affected, noticed, passed } = adversary;
    format!("| {} | {affected} | {noticed} | {} |\n", code(name), codes(passed))
}

fn requirement(requirement: &RequirementProof) -> String {
    let RequirementProof { id, cases, killed, surviving } = requirement;
    format!("| {} | {} | {} | {} |\n", escaped(id), codes(cases), codes(killed), codes(surviving))
}

fn check(proof: &CheckProof) -> String {
    let row = |(index, expectation): (usize, &crate::harness::proof::ExpectationProof)| {
        let check = if index == 0 { code(&proof.check) } else { String::new() };
        format!("| {check} | {} | {} |\n", code(&expectation.name), codes(&expectation.fails_on))
    };
    let mut rows: String = proof.expectations.iter().enumerate().map(row).collect();
    for (implementation, word) in &proof.no_kills {
        rows.push_str(&format!("| | {word} | {} |\n", code(implementation)));
    }
    rows
}

fn codes(names: &[String]) -> String {
    names.iter().map(|name| code(name)).collect::<Vec<_>>().join(" ")
}
