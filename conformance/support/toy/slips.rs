//! Mistakes in the files of a suite, and where each is shown.

/// A mistake in a file of the suite.
pub(crate) struct Slip {
    pub(crate) name: &'static str,
    pub(crate) file: &'static str,
    pub(crate) from: &'static str,
    pub(crate) to: &'static str,
    pub(crate) says: &'static str,
}

pub(crate) const SLIPS: &[Slip] = &[
    Slip {
        name: "operation",
        file: "cases/files/load_replaces_entries.toml",
        from: "do.load =",
        to: "do.laod =",
        says: "files/load_replaces_entries.toml:14:4: unknown operation \"laod\" (did you mean `load`?)",
    },
    Slip {
        name: "request",
        file: "cases/files/load_replaces_entries.toml",
        from: "{ key = \"old\", value",
        to: "{ key = \"old\", valeu",
        says: "unknown field `valeu`",
    },
    Slip {
        name: "observable",
        file: "cases/files/damaged_file_is_refused.toml",
        from: "\"$entries\"",
        to: "\"$entrys\"",
        says: "unknown observable after `unchanged` \"entrys\" (did you mean `entries`?)",
    },
    Slip {
        name: "unchanged_without_a_dollar",
        file: "cases/files/damaged_file_is_refused.toml",
        from: "\"$entries\"",
        to: "\"entries\"",
        says: "expected $ and the name of an observable after `unchanged`, found \"entries\"",
    },
    Slip {
        name: "step_response",
        file: "cases/files/damaged_file_is_refused.toml",
        from: "$damage.file",
        to: "$damage.entry",
        says: "unknown field of $damage \"entry\" (expected one of file, lost)",
    },
    Slip {
        name: "reserved_name",
        file: "cases/files/load_replaces_entries.toml",
        from: "as = \"sidecar\"",
        to: "as = \"store\"",
        says: "the name \"store\" is already in use",
    },
    Slip {
        name: "kept_object",
        file: "cases/process/restore_takes_the_named_snapshot.toml",
        from: "\"$first\"",
        to: "\"$frist\"",
        says: "\"frist\" (did you mean `first`?)",
    },
    Slip {
        name: "capability",
        file: "cases/entries/keys_beyond_ascii_are_kept.toml",
        from: "[\"unicode_keys\"]",
        to: "[\"torch\"]",
        says: "unknown capability \"torch\" (expected one of unicode_keys)",
    },
    Slip {
        name: "configuration_kind",
        file: "configs.toml",
        from: "kind = \"limits\"",
        to: "kind = \"training\"",
        says: "configs.toml:2:8: unknown kind of config \"training\" (expected one of limits)",
    },
    Slip {
        name: "nested_configuration_field",
        file: "cases/limits/configuration_limits_keys.toml",
        from: "max_length",
        to: "max_lenght",
        says: "unknown configuration field \"max_lenght\" (did you mean `max_length`?)",
    },
    Slip {
        name: "request_that_nothing_takes",
        file: "cases/limits/configuration_limits_keys.toml",
        from: "max_length = 3",
        to: "max_length = 0",
        says: "expected max_length to be a positive integer, found 0",
    },
    Slip {
        name: "row_without_a_reason",
        file: "plans/first.toml",
        from: "reasons = [{ kind = \"wrong_result\" }]\n",
        to: "",
        says: "limits/environment_limits_entries has no reason; add `reasons = [{ kind = \"...\" }]` to the row",
    },
    Slip {
        name: "reason_of_no_check",
        file: "plans/first.toml",
        from: "{ kind = \"wrong_result\" }",
        to: "{ kind = \"wrong_result\" }, { cases = [\"files/*\"], kind = \"mismatch\" }",
        says: "plans/first.toml:17:39: the reason applies to no check of the row",
    },
    Slip {
        name: "implementation",
        file: "plans/first.toml",
        from: "green = \"keeper\"",
        to: "green = \"reference\"",
        says: "unknown implementation \"reference\"",
    },
];
