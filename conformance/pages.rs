//! The pages of reports: `render`, hostile text, and the pages that `.ci/run browser` opens in a browser.
//!
//! With `BUNDLEPROOF_PAGES` set, the pages are written to that directory, where `browser/main.mjs` finds them.

#![allow(clippy::expect_used, clippy::panic, reason = "a test may stop where it cannot go on")]

#[path = "support/place.rs"]
#[allow(dead_code, reason = "other tests need more of it")]
mod place;
#[path = "support/program.rs"]
mod program;

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use bundleproof::harness::{
    proof::KillMatrix,
    record::{Environment, Inventory, InventoryEntry, RunRecord, RunTimes},
    report::html::{html, index_html},
    runner::{Ended, Outcome, Phase},
    store::{Index, ReportWriter},
};
use place::{Place, err, out};
use serde_json::Value as Json;

const STAMP: &str = "2025-10-17T112849Z";

/// Text that does something in a browser, or to the reader of a page, unless it is escaped.
const HOSTILE: &str = "\"'><img src=x onerror=alert(1)></title></style></script><script>alert(2)</script>\
                       <svg onload=alert(3)><a href=javascript:alert(4)>{{ 7 * 7 }}{% raw %}\u{202e}\u{1b}[31m\u{0}\
                       <link rel=stylesheet href=http://hostile.invalid/x.css><base href=//hostile.invalid>";

impl Place {
    /// Runs some areas on a mutant that fails many of their checks; returns the report.
    fn failing(&self) -> PathBuf {
        let arguments = [
            "run",
            "--impl",
            "never_restores_params",
            "--area",
            "loader",
            "--area",
            "dispatch",
            "--area",
            "execution",
            "--phase",
            "green",
            "--reports",
            "R",
            "--stamp",
            STAMP,
        ];
        self.run(&arguments).code(1);
        self.path("R").join(STAMP)
    }

    fn green(&self, phases: &[&str]) -> PathBuf {
        self.run(&[&["run", "--reports", "G", "--stamp", STAMP], phases].concat()).code(0);
        self.path("G").join(STAMP)
    }

    fn proof(&self, cases: &str) -> PathBuf {
        self.run(&["prove", "--case", cases, "--reports", "P", "--stamp", STAMP]).code(0);
        self.path("P").join(STAMP)
    }
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).expect("a file")
}

fn record(report: &Path) -> RunRecord {
    RunRecord::from_json(read(&report.join("results.json")).as_bytes()).expect("a run")
}

/// Keeps a page for the browser, if that was asked for.
fn keep(name: &str, page: &str) {
    let Some(pages) = std::env::var_os("BUNDLEPROOF_PAGES") else { return };
    let path = Path::new(&pages).join(name);
    fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
    fs::write(path, page).expect("a page");
}

/// Adds hostile text to every text that a case, an implementation or a user decides.
fn poisoned(value: &mut Json, key: &str) {
    const FIXED: [&str; 12] = [
        "stamp",
        "phase",
        "phases",
        "kind",
        "how",
        "verdict",
        "digest",
        "suite_digest",
        "sha256",
        "problem",
        "format",
        "not_reached",
    ];
    match value {
        Json::String(text) if !FIXED.contains(&key) => text.push_str(HOSTILE),
        Json::Array(values) => values.iter_mut().for_each(|value| poisoned(value, key)),
        Json::Object(fields) => {
            fields.iter_mut().for_each(|(key, value)| poisoned(value, key));
            if let Some(Json::Object(cases)) = fields.get_mut("cases") {
                let named = std::mem::take(cases);
                cases.extend(named.into_iter().map(|(file, text)| (file + HOSTILE, text)));
            }
        }
        Json::String(_) | Json::Null | Json::Bool(_) | Json::Number(_) => {}
    }
}

fn is_inert(page: &str) {
    for raw in
        ["<img", "<svg onload", "<script>alert", "<a href=javascript", "<base", "\u{202e}", "\u{1b}", "\u{0}"]
    {
        assert!(!page.contains(raw), "{raw:?} in the page");
    }
    assert_eq!(page.matches("</script>").count(), 1);
    assert!(page.contains(r"&lt;img src=x onerror=alert(1)&gt;"), "the text is not in the page");
    assert!(page.contains(r"{{ 7 * 7 }}"), "a template evaluated the text");
    assert!(page.contains(r"\u{202e}\u{1b}[31m\u{0}"), "hidden characters are not shown");
}

#[test]
fn hostile_text_is_escaped_in_the_page_of_a_run() {
    let place = Place::new();
    let report = place.failing();
    let mut run = record(&report);
    // Some of each verdict: a page of megabytes is poisoned no better.
    let mut kept: BTreeMap<&str, usize> = BTreeMap::new();
    run.outcomes.retain(|outcome| {
        let seen = kept.entry(outcome.verdict().as_str()).or_default();
        *seen += 1;
        *seen <= 20
    });
    let mut value = serde_json::to_value(&run).expect("JSON");
    poisoned(&mut value, "");
    let run: RunRecord = serde_json::from_value(value).expect("a run");
    assert!(run.outcomes.iter().any(|outcome| outcome.check.contains("<img")));
    let page = html(&run, None).expect("a page");
    is_inert(&page);
    keep("hostile.html", &page);
}

#[test]
fn hostile_text_is_escaped_in_the_kill_matrix() {
    let place = Place::new();
    let report = place.proof("params/missing_key_is_refused");
    let mut value: Json = serde_json::from_str(&read(&report.join("matrix.json"))).expect("JSON");
    poisoned(&mut value, "");
    let matrix: KillMatrix = serde_json::from_value(value).expect("a matrix");
    let page = html(&record(&report), Some(&matrix)).expect("a page");
    is_inert(&page);
    keep("hostile_matrix.html", &page);
}

#[test]
fn reports_have_pages_that_a_browser_opens() {
    let place = Place::new();
    let failing = place.failing();
    let page = read(&failing.join("report.html"));
    let run = record(&failing);
    let (all, failed) = (
        run.outcomes.len(),
        run.outcomes.iter().filter(|one| !one.met_expectation() && one.lacking().is_none()).count(),
    );
    assert!(failed > 20, "{failed}");
    assert!(
        page.contains(&format!(
            "never_restores_params does not conform: {failed} of {all} checks did not pass."
        )),
        "{page}"
    );
    assert_eq!(page.matches("<details class=\"failure").count(), failed);
    keep("failing.html", &page);
    keep(
        "green.html",
        &read(
            &place
                .green(&["--area", "bundle", "--area", "roundtrip", "--area", "execution"])
                .join("report.html"),
        ),
    );
    keep("proof.html", &read(&place.proof("params/*").join("report.html")));
    let mut many = record(&failing);
    let base = std::mem::take(&mut many.outcomes);
    many.outcomes = (0..2000)
        .filter_map(|number| {
            let outcome = base.get(number % base.len())?;
            Some(Outcome { check: format!("{}[{number}]", outcome.check), ..outcome.clone() })
        })
        .collect();
    let page = html(&many, None).expect("a page");
    assert_eq!(page.matches("<tr class=\"item\"").count(), 2000);
    keep("many.html", &page);
}

#[test]
fn the_matrix_of_writers_and_readers_has_a_page_that_a_browser_opens() {
    let place = Place::new();
    let bundles = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/bundles");
    let [good, broken] = ["gs1", "broken/extra_tensor"].map(|name| bundles.join(name).display().to_string());
    place.run(&["interop", "reference", &good, &broken, "--stamp", STAMP]).code(1);
    let page = read(&place.path("interop").join(STAMP).join("matrix.html"));
    assert!(page.contains("Not interoperable: 1 of 7 readings failed."), "{page}");
    assert!(
        page.contains("broken&#x2f;extra_tensor&#x2f;sidecar.json: missing &quot;models&quot;"),
        "{page}"
    );
    keep("interop.html", &page);
}

/// A store of 50 reports in which some checks change, one is flaky and one is skipped.
fn store(reports: &Path, report: &Path) {
    let environment: Environment =
        serde_json::from_str(&read(&report.join("environment.json"))).expect("an environment");
    let all = record(report);
    for number in 0..50_usize {
        let stamp = format!("2026-{:02}-{:02}T090000Z", 1 + number / 28, 1 + number % 28);
        let stamp = stamp.parse().expect("a timestamp");
        let mut run = RunRecord { stamp, ..all.clone() };
        for (index, outcome) in run.outcomes.iter_mut().filter(|own| own.phase == Phase::Green).enumerate() {
            outcome.milliseconds = 3 + (index * 7 + number * 13) as u64 % 40 + number as u64 / 5;
            let fails = match index {
                0 => number % 9 == 4,
                1..20 => (10..14 + index).contains(&number),
                20..24 => number < 30,
                40 => number == 49,
                _ => false,
            };
            if fails {
                outcome.ended = Ended::Crash { detail: "signal 11".to_owned() };
            }
        }
        let mut writer = ReportWriter::create(reports, stamp).expect("a report");
        let checks = run.outcomes.iter().map(InventoryEntry::from).collect();
        writer.write_inventory(Inventory { format: run.format, checks }).expect("an inventory");
        let times = RunTimes { started: stamp.rfc3339(), ended: stamp.rfc3339(), stamp_given: true };
        writer.publish(&run, &environment, times).expect("a report");
    }
}

#[test]
fn the_page_of_a_store_shows_history_and_leaves_the_store_as_it_is() {
    let place = Place::new();
    let report = place.green(&["--area", "params", "--area", "config", "--area", "execution"]);
    store(&place.path("S"), &report);
    let assert = place.run(&["render", "--index", "S"]).code(0);
    assert_eq!(out(&assert), "Index: S/index.html\n");
    let page = read(&place.path("S/index.html"));
    assert!(page.contains("50 reports; the latest, 2026-02-22T090000Z: "), "{page}");
    // A narrow page hides the header of the table, so the two links are labeled where they are.
    for label in ["Since", "Last good"] {
        assert!(page.contains(&format!("<td data-label=\"{label}\"><a href=\"2026-")), "{page}");
    }
    assert_eq!(page, index_html(&Index::open(&place.path("S")).expect("an index")).expect("a page"));
    // The page is next to the reports, and is not taken for one.
    let ledger = place.run(&["ledger", "--plan", "phase_d4", "--reports", "S"]).code(0);
    assert_eq!(err(&ledger), "");
    keep("store/index.html", &page);
    for name in ["2026-02-22T090000Z", "2026-01-01T090000Z"] {
        keep(&format!("store/{name}/report.html"), &read(&place.path("S").join(name).join("report.html")));
    }
    // A damaged report is named, and the page is written.
    fs::write(place.path("S/2026-01-05T090000Z/SHA256SUMS"), "").expect("a file");
    let assert = place.run(&["render", "--index", "S", "--json"]).code(8);
    assert!(err(&assert).contains("report 2026-01-05T090000Z cannot be used: "), "{}", err(&assert));
    let json: Json = serde_json::from_str(&out(&assert)).expect("JSON");
    assert_eq!((json["reports"].as_u64(), json["damaged"].as_array().map(Vec::len)), (Some(49), Some(1)));
    assert!(read(&place.path("S/index.html")).contains("49 reports; the latest"));
}

#[test]
fn a_report_is_rendered_again_byte_for_byte() {
    let place = Place::new();
    let report = place.proof("params/missing_key_is_refused");
    let path = report.display().to_string();
    let assert = place.run(&["render", &path, "--check"]).code(0);
    assert!(out(&assert).contains("rendered files match a fresh rendering"), "{}", out(&assert));
    place.run(&["render", &path, "--out", "again"]).code(0);
    let written: Vec<String> = fs::read_dir(place.path("again"))
        .expect("a folder")
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
        .collect();
    for name in &written {
        assert!(read(&place.path("again").join(name)) == read(&report.join(name)), "{name} differs");
    }
    assert!(
        ["report.html", "matrix.md", "matrix.json", "junit.xml"]
            .iter()
            .all(|name| { written.iter().any(|written| written == name) })
    );
    let assert = place.run(&["render", &path, "--out", "again"]).code(2);
    assert!(err(&assert).contains("cannot write to again: not empty"), "{}", err(&assert));
}

#[test]
fn a_rendering_that_was_edited_with_its_digest_is_named() {
    let place = Place::new();
    let report = place.proof("params/missing_key_is_refused");
    let path = report.display().to_string();
    let edited = read(&report.join("report.html")).replace("The selected checks are", "Everything is");
    let sums = read(&report.join("SHA256SUMS"));
    let digest = |text: &str| bundleproof::value::Digest::of(text.as_bytes()).to_string();
    let sums = sums.replace(&digest(&read(&report.join("report.html"))), &digest(&edited));
    fs::write(report.join("report.html"), edited).expect("a file");
    let assert = place.run(&["render", &path, "--check"]).code(8);
    assert!(
        err(&assert).contains("report.html has changed since the report was written"),
        "{}",
        err(&assert)
    );
    fs::write(report.join("SHA256SUMS"), sums).expect("a file");
    let assert = place.run(&["render", &path, "--check"]).code(8);
    assert!(out(&assert).ends_with(": report.html differs from its rendering\n"), "{}", out(&assert));
    let assert = place.run(&["render", &path, "--check", "--json"]).code(8);
    let json: Json = serde_json::from_str(&out(&assert)).expect("JSON");
    assert_eq!(
        (&json["same"], &json["differing"]),
        (&Json::Bool(false), &serde_json::json!(["report.html"]))
    );
}

#[test]
fn arguments_that_do_not_fit_together_are_refused() {
    let place = Place::new();
    for arguments in [
        &["render"][..],
        &["render", "R"],
        &["render", "R", "--out", "O", "--check"],
        &["render", "R", "--index", "S"],
    ] {
        place.run(arguments).code(2);
    }
    let assert = place.run(&["render", "nowhere", "--check"]).code(2);
    assert!(err(&assert).contains("cannot render report nowhere: "), "{}", err(&assert));
    let assert = place.run(&["render", "--index", "nowhere"]).code(2);
    assert!(err(&assert).contains("no reports in nowhere"), "{}", err(&assert));
}
