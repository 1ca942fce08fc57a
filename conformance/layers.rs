//! What may use what in `src`, held by resolving every path to the file that declares what it names.

#![allow(clippy::expect_used, clippy::panic, reason = "a test may stop where it cannot go on")]

#[path = "support/source_rules.rs"]
mod source_rules;
#[path = "support/source_tree.rs"]
mod source_tree;
#[path = "support/source_uses.rs"]
mod source_uses;

use std::{collections::BTreeMap, path::Path, sync::LazyLock};

use bundleproof::bundle::{
    BUNDLE,
    nouns::{ARCHIVE_NAME, ROLES},
};
use bundleproof::harness::contract::Contract as _;

use self::{
    source_rules::{Exception, Permission, Room, circles, named_words, unpermitted, wrong_arrows},
    source_tree::SourceTree,
    source_uses::Uses,
};

/// What each room may use besides itself. A room is a path, or the start of one.
const ROOMS: &[Room] = &[
    Room { path: "src/value/", uses: &[] },
    Room { path: "src/text/", uses: &[] },
    Room { path: "src/fs_util", uses: &[] },
    Room { path: "src/threads.rs", uses: &[] },
    Room { path: "src/torch_files/", uses: &["src/value/", "src/text/"] },
    Room { path: "src/harness/", uses: &["src/value/", "src/text/", "src/fs_util", "src/threads.rs"] },
    Room {
        path: "src/bundle/",
        uses: &[
            "src/value/",
            "src/text/",
            "src/fs_util",
            "src/threads.rs",
            "src/torch_files/",
            "src/harness/",
        ],
    },
    Room {
        path: "src/cli/",
        uses: &[
            "src/value/",
            "src/text/",
            "src/fs_util",
            "src/threads.rs",
            "src/torch_files/",
            "src/harness/",
            "src/bundle/",
        ],
    },
    Room {
        path: "src/torch/",
        uses: &["src/bundle/", "src/torch_files/", "src/harness/contract/", "src/cli/"],
    },
    Room { path: "src/main.rs", uses: &["src/cli/"] },
    Room { path: "src/lib.rs", uses: &[] },
];

/// What only some files may use of the standard library and others, and why those may.
const PERMISSIONS: &[Permission] = &[
    Permission {
        of: &["std::process::ExitCode", "std::process::Termination", "std::process::exit"],
        files: &[
            ("src/cli/", "picks the exit code"),
            ("src/harness/libtest.rs", "is the main function of a test target"),
        ],
    },
    Permission {
        of: &[
            "std::process::Command",
            "std::process::Child",
            "std::process::ChildStdin",
            "std::process::ChildStdout",
            "std::process::ChildStderr",
            "std::process::ExitStatus",
            "std::process::Stdio",
            "std::os::unix::process",
        ],
        files: &[
            ("src/harness/adapter/", "starts adapters and ends them"),
            (
                "src/bundle/implementations/torch_backed.rs",
                "asks once whether the program with libtorch starts; its sessions are an adapter's",
            ),
        ],
    },
    Permission {
        of: &["nix"],
        files: &[
            ("src/harness/adapter/", "starts adapters and ends them"),
            ("src/fs_util/", "uses directories by descriptor, which the standard library does not"),
        ],
    },
    Permission {
        of: &["std::time::Instant", "std::time::SystemTime"],
        files: &[
            ("src/harness/adapter/", "waits for adapters, and stamps the lines of a trace"),
            ("src/harness/runner/", "ends checks that take too long"),
            ("src/harness/contract/deadline.rs", "the end of a check, which the runner hands to an adapter"),
            ("src/cli/", "shows progress"),
        ],
    },
    Permission {
        of: &["jiff::Timestamp::now", "jiff::Zoned::now"],
        files: &[("src/harness/record/timestamp.rs", "reads the time of day that a report is named after")],
    },
    Permission {
        of: &[
            "print!",
            "println!",
            "eprint!",
            "eprintln!",
            "dbg!",
            "std::io::stdin",
            "std::io::stdout",
            "std::io::stderr",
            "indicatif",
            "std::env",
        ],
        files: &[
            ("src/cli/", "the only place of the program that prints and reads the environment"),
            (
                "src/harness/libtest.rs",
                "is the main function of a test target, and prints its errors and notes",
            ),
        ],
    },
];

/// Files that use each other and may, with the reason.
const EXCEPTIONS: &[Exception] = &[];

static USES: LazyLock<Uses> = LazyLock::new(|| Uses::of(&sources()));

#[test]
fn every_path_into_the_package_leads_somewhere() {
    assert!(USES.unresolved.is_empty(), "{}", USES.unresolved.join("\n"));
}

#[test]
fn rooms_use_only_what_they_may() {
    let wrong = wrong_arrows(&USES, ROOMS);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn processes_clocks_and_consoles_are_used_only_where_they_may() {
    let wrong = unpermitted(&USES, PERMISSIONS);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_files_use_each_other_in_a_circle() {
    let wrong = circles(&USES, EXCEPTIONS);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_harness_names_no_contract() {
    let wrong = named_words(&sources(), "src/harness/", &words_of_the_contract());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_use_against_the_arrows_is_named() {
    let wrong = wrong_arrows(
        &uses(&[
            ("src/lib.rs", "mod harness; mod bundle;"),
            ("src/harness/mod.rs", "mod runner;"),
            ("src/harness/runner.rs", "use crate::{\n    bundle::{self as other, Thing as Renamed},\n};"),
            ("src/bundle/mod.rs", "mod thing; pub use thing::*;"),
            ("src/bundle/thing.rs", "pub struct Thing;"),
        ]),
        ROOMS,
    );
    let start = "src/harness/runner.rs:2: crate::bundle::Thing (in src/bundle/thing.rs)";
    assert!(wrong.iter().any(|line| line.starts_with(start)), "{wrong:?}");
    assert_eq!(wrong.len(), 2, "the module itself, and what is in it: {wrong:?}");
}

#[test]
fn a_use_without_permission_is_named_and_a_stale_permission_is_too() {
    let uses = uses(&[(
        "src/lib.rs",
        "use std::process as p;\nfn run() {\n    p::Command::new(\"x\");\n    println!(\"{}\", std::env::var(\"x\"));\n}",
    )]);
    let wrong = unpermitted(&uses, PERMISSIONS).join("\n");
    for line in
        ["src/lib.rs:3: std::process::Command::new", "src/lib.rs:4: println!", "src/lib.rs:4: std::env::var"]
    {
        assert!(wrong.contains(line), "{line}: {wrong}");
    }
    assert!(wrong.contains("src/harness/runner/ uses none of"), "{wrong}");
}

#[test]
fn a_circle_through_facades_attributes_and_macros_is_named() {
    let uses = uses(&[
        ("src/lib.rs", "mod a; mod b;"),
        ("src/a/mod.rs", "mod one; pub use one::One;"),
        ("src/a/one.rs", "pub struct One {\n    #[serde(with = \"crate::b::text\")]\n    text: String,\n}"),
        (
            "src/b.rs",
            "pub mod text { }\nmacro_rules! made {\n    () => { $crate::a::One };\n}\nfn f() { made!(); }",
        ),
    ]);
    // A module that is only named is no use of its file.
    assert!(circles(&uses, &[]).is_empty());

    let uses = self::uses(&[
        ("src/lib.rs", "mod a; mod b;"),
        ("src/a/mod.rs", "mod one; pub use one::One;"),
        (
            "src/a/one.rs",
            "pub struct One {\n    #[serde(serialize_with = \"crate::b::text\")]\n    text: String,\n}",
        ),
        (
            "src/b.rs",
            "pub fn text() {}\nmacro_rules! made {\n    () => { $crate::a::One };\n}\nfn f() { made!(); }",
        ),
    ]);
    let found = circles(&uses, &[]);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].contains("src/a/one.rs:2: crate::b::text (in src/b.rs)"), "{found:?}");
    assert!(found[0].contains("src/b.rs:5: crate::a::One (in src/a/one.rs)"), "{found:?}");

    let needed = Exception { from: "src/b.rs", to: "src/a/one.rs", reason: "a test" };
    let stale = Exception { from: "src/b.rs", to: "src/a/mod.rs", reason: "a test" };
    assert!(circles(&uses, &[needed]).is_empty());
    let found = circles(&uses, &[stale]).join("\n");
    assert!(found.contains("src/b.rs -> src/a/mod.rs is in no circle"), "{found}");
}

#[test]
fn code_for_tests_is_left_out() {
    let uses = uses(&[
        (
            "src/lib.rs",
            "mod a;\n/// Words.\n#[cfg(test)]\nuse crate::a::A;\n#[cfg(test)]\nmod tests { use super::a::A; }",
        ),
        ("src/a.rs", "pub struct A;"),
    ]);
    assert_eq!(uses.internal.len(), 0, "{:?}", uses.internal);
}

#[test]
fn a_path_that_leads_nowhere_is_named() {
    let uses = uses(&[("src/lib.rs", "mod a;\nuse a::Missing;"), ("src/a.rs", "")]);
    assert_eq!(uses.unresolved, ["src/lib.rs:2: a::Missing leads nowhere"]);
}

#[test]
fn a_word_of_a_contract_is_named_in_identifiers_and_strings() {
    let texts = [
        ("src/lib.rs", "mod harness;"),
        (
            "src/harness.rs",
            "struct SaveModel;\nconst A: &str = \"to save_model.zip\";\n// save_model\nfn saved() {}",
        ),
    ];
    let wrong = named_words(&tree(&texts), "src/harness", &["save_model"]);
    assert_eq!(
        wrong,
        [
            "src/harness.rs:1: \"SaveModel\" names \"save_model\" of a contract",
            "src/harness.rs:2: \"to save_model.zip\" names \"save_model\" of a contract",
        ]
    );
}

/// The sources of this package.
fn sources() -> SourceTree {
    SourceTree::of_package(Path::new(env!("CARGO_MANIFEST_DIR")))
}

fn uses(texts: &[(&str, &str)]) -> Uses {
    Uses::of(&tree(texts))
}

fn tree(texts: &[(&str, &str)]) -> SourceTree {
    let owned = texts.iter().map(|(file, text)| ((*file).to_owned(), (*text).to_owned()));
    SourceTree::of(&owned.collect::<BTreeMap<_, _>>())
}

/// The names that only the contract may have; those of one word, such as `model`, may be anybody's.
fn words_of_the_contract() -> Vec<&'static str> {
    let mut words = vec![BUNDLE.backend(), ARCHIVE_NAME];
    words.extend(ROLES);
    words.extend(BUNDLE.environment().iter().map(|(name, _)| *name));
    words.extend(BUNDLE.harness_steps().iter().map(|step| step.name));
    words.extend(BUNDLE.operations().iter().map(|operation| operation.name));
    let fields = BUNDLE.operations().iter().flat_map(|operation| operation.fields);
    words.extend(fields.map(|field| field.name).filter(|name| name.contains('_')));
    let fields = BUNDLE.config_kinds().iter().flat_map(|kind| kind.fields).copied();
    words.extend(fields.filter(|name| name.contains('_')));
    words
}
