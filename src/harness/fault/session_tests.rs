//! Faults around the reference, written as rows of a suite.

#![allow(clippy::unwrap_used)]

use std::{collections::BTreeMap, sync::Arc};

use rstest::rstest;
use tempfile::TempDir;

use super::{Fault, FaultyImplementation};
use crate::{
    bundle::{BUNDLE, implementations::reference},
    harness::contract::{Implementation as _, Refusal, RefusalKind, Session, SessionContext, SessionError},
    value::{Map, Value, json_value},
};

/// A session with one fault, the directory of the case, and the implementation that counts.
fn faulty(fault: &str) -> (Box<dyn Session>, TempDir, FaultyImplementation) {
    let fault: Fault = toml::from_str(fault).unwrap();
    assert_eq!(fault.problem(&BUNDLE), None);
    let place = tempfile::tempdir().unwrap();
    let environment = BTreeMap::from([("TZ".to_owned(), "Asia/Tokyo".to_owned())]);
    let context = SessionContext::new(place.path().to_owned(), environment);
    let implementation = FaultyImplementation::new("faulty", reference(), &BUNDLE, [fault]);
    (implementation.start(context), place, implementation)
}

fn map(json: &str) -> Map {
    json_value::map(&mut serde_json::Deserializer::from_str(json)).unwrap()
}

fn set(session: &mut dyn Session, values: &str) -> Result<Map, Refusal> {
    session.call("set_params", &map(&format!(r#"{{"values": {values}}}"#)))
}

fn get(session: &mut dyn Session, key: &str) -> Result<Value, Refusal> {
    let found = session.call("get_param", &map(&format!(r#"{{"key": "{key}", "as": "x"}}"#)))?;
    Ok(found["value"].clone())
}

fn params(session: &mut dyn Session) -> Map {
    session.observe("params").unwrap().as_map().unwrap().clone()
}

const MODELS: &str = r#"{"config": {"kind": "training", "values": {"model": {"N": 64}}}, "as": "m",
    "sentinels": {"autoencoder": "a", "diffraction_to_obj": "b"}}"#;
const SAVE: &str = r#"{"models": "m", "base_path": "wts.h5", "intensity_scale": 2.5,
    "config": {"kind": "training", "values": {"model": {"N": 64}}}}"#;
const LOAD: &str = r#"{"base_path": "wts.h5", "as": "l"}"#;

/// Makes models, saves them and loads them.
fn saved_and_loaded(session: &mut dyn Session) -> Result<Map, Refusal> {
    session.call("create_models", &map(MODELS))?;
    session.call("save_torch_bundle", &map(SAVE))?;
    session.call("load_torch_bundle", &map(LOAD))
}

#[test]
fn an_observable_shows_something_else_until_the_implementation_changes_it() {
    let (mut session, _place, faulty) = faulty(
        "operation = \"set_params\"\nact = { observable = { name = \"params\", at = \"N\", change = \"alter\" } }\n\
         when = { nth = 1 }",
    );
    set(session.as_mut(), r#"{"N": 128}"#).unwrap();
    assert_eq!((params(session.as_mut())["N"].clone(), faulty.acted()), (Value::Int(129), 1));
    set(session.as_mut(), r#"{"N": 256}"#).unwrap();
    assert_eq!(params(session.as_mut())["N"], Value::Int(256));
    assert_eq!(faulty.acted(), 1);
}

#[test]
fn an_observable_stays_as_it_was_and_a_reset_ends_it() {
    let (mut session, _place, _) = faulty(
        "operation = \"set_params\"\nact = { observable = { name = \"params\", change = \"earlier\" } }",
    );
    let before = params(session.as_mut());
    set(session.as_mut(), r#"{"N": 128, "new": 1}"#).unwrap();
    assert_eq!(params(session.as_mut()), before);
    assert_eq!(get(session.as_mut(), "new").unwrap(), Value::Int(1), "the implementation itself has it");
    session.reset().unwrap();
    assert_eq!(params(session.as_mut()), before);
}

#[test]
fn state_survives_a_reset() {
    let (mut session, _place, _) =
        faulty("operation = \"reset\"\nact = { observable = { name = \"params\", change = \"earlier\" } }");
    set(session.as_mut(), r#"{"new": 1}"#).unwrap();
    session.reset().unwrap();
    assert_eq!(params(session.as_mut())["new"], Value::Int(1));
}

#[rstest]
#[case::changed(
    "{ response = { at = [\"params\", \"nphotons\"], change = { set = 5 } } }",
    "{\"nphotons\": 5}"
)]
#[case::dropped("{ response = { at = [\"models\", \"*\"], change = \"drop\" } }", "{\"models\": {}}")]
#[case::given(
    "{ answer = { models = {}, params = { a = \"$none\", b = \"$request.as\" } } }",
    "{\"a\": null, \"b\": \"l\"}"
)]
fn a_response_is_changed(#[case] act: &str, #[case] expected: &str) {
    let (mut session, _place, faulty) = faulty(&format!("operation = \"load_torch_bundle\"\nact = {act}"));
    let loaded = saved_and_loaded(session.as_mut()).unwrap();
    let params = loaded["params"].as_map().unwrap();
    for (key, value) in map(expected) {
        assert_eq!(params.get(&key).or_else(|| loaded.get(&key)), Some(&value), "{key}");
    }
    assert_eq!((faulty.acted(), session.lost()), (1, None));
}

#[test]
fn a_response_of_another_type_ends_the_session_as_that_of_an_adapter() {
    let (mut session, _place, _) = faulty(
        "operation = \"load_torch_bundle\"\nact = { response = { at = \"models\", change = { set = 5 } } }",
    );
    saved_and_loaded(session.as_mut()).unwrap_err();
    assert!(
        matches!(session.lost(), Some(SessionError::Protocol(detail)) if detail.contains("load_torch_bundle"))
    );
}

#[test]
fn a_call_is_answered_as_the_previous_one_was() {
    let (mut session, _place, faulty) = faulty("operation = \"get_param\"\nact = { answer_earlier = {} }");
    set(session.as_mut(), r#"{"a": 1, "b": 2}"#).unwrap();
    let found = ["a", "b", "b"].map(|key| get(session.as_mut(), key).unwrap());
    assert_eq!(found, [1, 1, 2].map(Value::Int));
    assert_eq!(faulty.acted(), 1);
}

#[test]
fn an_operation_is_not_performed() {
    let (mut session, place, _) =
        faulty("operation = [\"save_torch_bundle\", \"set_params\"]\nact = { skip = {} }");
    set(session.as_mut(), r#"{"a": 1}"#).unwrap();
    assert!(!params(session.as_mut()).contains_key("a"));
    assert_eq!(saved_and_loaded(session.as_mut()).unwrap_err().kind, RefusalKind::NotFound);
    assert!(!place.path().join("wts.h5.zip").exists());
}

#[test]
fn an_operation_is_refused_with_or_without_its_effects() {
    for (performed, found) in [(false, None), (true, Some(&Value::Int(1)))] {
        let (mut session, _place, _) = faulty(&format!(
            "operation = \"set_params\"\nact = {{ refuse = {{ kind = \"malformed\", message = \"no\", performed = {performed} }} }}"
        ));
        let refusal = set(session.as_mut(), r#"{"a": 1}"#).unwrap_err();
        assert_eq!((refusal.kind, refusal.message.as_str()), (RefusalKind::Malformed, "no"));
        assert_eq!(params(session.as_mut()).get("a"), found);
    }
}

#[test]
fn a_refusal_is_changed_or_answered_by_what_it_is_about() {
    let meant = "when = { refused = { kind = \"not_found\" } }";
    let act = "{ refusal = { kind = \"malformed\", message = \"odd\" } }";
    let (mut session, _place, _) =
        faulty(&format!("operation = \"load_torch_bundle\"\n{meant}\nact = {act}"));
    let refusal = session.call("load_torch_bundle", &map(LOAD)).unwrap_err();
    assert_eq!((refusal.kind, refusal.message.as_str()), (RefusalKind::Malformed, "odd"));
    let rule = "when = { refused = { rule = \"file_exists\" } }";
    for (when, is_answered) in [(meant, true), (rule, false)] {
        let (mut session, _place, _) = faulty(&format!(
            "operation = \"load_torch_bundle\"\n{when}\nact = {{ answer = {{ models = {{}}, params = {{}} }} }}"
        ));
        assert_eq!(session.call("load_torch_bundle", &map(LOAD)).is_ok(), is_answered, "{when}");
    }
}

#[rstest]
#[case::edited("{ file = { drop_params = { keys = [\"nphotons\"] } } }", &["wts.h5.zip"], false)]
#[case::written("{ write = { at = \"$file.tmp\", text = \"x\" } }", &["wts.h5.zip", "wts.h5.zip.tmp"], true)]
#[case::beside("{ write = { at = \"$folder/a/b\" } }", &["a/b", "wts.h5.zip"], true)]
#[case::below("{ write = { at = \"$work/c\" } }", &["c", "wts.h5.zip"], true)]
fn files_are_changed_after_a_save(#[case] act: &str, #[case] files: &[&str], #[case] has_all: bool) {
    let (mut session, place, _) = faulty(&format!("operation = \"save_torch_bundle\"\nact = {act}"));
    let loaded = saved_and_loaded(session.as_mut()).unwrap();
    assert_eq!(loaded["params"].as_map().unwrap().contains_key("nphotons"), has_all);
    let mut found = crate::fs_util::files_below(place.path()).unwrap();
    found.sort();
    assert_eq!(found, files);
}

#[test]
fn a_file_outside_of_the_case_is_not_touched() {
    let elsewhere = tempfile::tempdir().unwrap();
    let base = elsewhere.path().join("wts.h5").display().to_string();
    for act in ["{ write = { at = \"$file.tmp\", text = \"x\" } }", "{ remove = \"$file\" }"] {
        let (mut session, _place, _) = faulty(&format!("operation = \"save_torch_bundle\"\nact = {act}"));
        session.call("create_models", &map(MODELS)).unwrap();
        session.call("save_torch_bundle", &map(&SAVE.replace("wts.h5", &base))).unwrap();
        assert_eq!(crate::fs_util::files_below(elsewhere.path()).unwrap(), ["wts.h5.zip"], "{act}");
    }
}

#[rstest]
#[case("{ remove = \"$file\" }")]
#[case("{ move = { from = \"$file\", to = \"$folder/elsewhere/wts\" } }")]
fn a_written_file_goes_away(#[case] act: &str) {
    let (mut session, _place, _) = faulty(&format!("operation = \"save_torch_bundle\"\nact = {act}"));
    assert_eq!(saved_and_loaded(session.as_mut()).unwrap_err().kind, RefusalKind::NotFound);
}

#[test]
fn other_operations_are_called_first_and_afterwards() {
    for (act, expected) in [("first", 1), ("call", 7)] {
        let (mut session, _place, _) = faulty(&format!(
            "operation = \"set_params\"\nact = {{ {act} = {{ operation = \"set_params\", request = {{ values = {{ a = 7 }} }} }} }}"
        ));
        set(session.as_mut(), r#"{"a": 1}"#).unwrap();
        assert_eq!(params(session.as_mut())["a"], Value::Int(expected), "{act}");
    }
}

#[rstest]
#[case::second("{ nth = 2 }", [false, true, false])]
#[case::later("{ from = 2 }", [false, true, true])]
#[case::after_itself("{ after = \"set_params\" }", [false, true, true])]
#[case::after_a_refusal("{ after = \"refusal\" }", [false, false, false])]
#[case::with("{ request = [{ at = [\"values\", \"a\"], is = 1 }] }", [true, false, false])]
#[case::environment("{ environment = { TZ = \"Asia/*\" } }", [true, true, true])]
#[case::other_environment("{ environment = { TZ = \"Europe/*\" } }", [false, false, false])]
#[case::no_such_variable("{ environment = { LANG = \"*\" } }", [false, false, false])]
fn a_fault_acts_when_its_conditions_hold(#[case] when: &str, #[case] acts: [bool; 3]) {
    let (mut session, _place, _) = faulty(&format!(
        "operation = \"set_params\"\nwhen = {when}\nact = {{ refuse = {{ kind = \"unsafe\", message = \"no\" }} }}"
    ));
    let refused = [1, 2, 3].map(|value| set(session.as_mut(), &format!(r#"{{"a": {value}}}"#)).is_err());
    assert_eq!(refused, acts);
}

#[test]
fn a_request_is_changed_and_what_is_refused_counts_as_a_refusal() {
    let (mut session, _place, faulty) = faulty(
        "operation = \"get_param\"\nwhen = { after = \"refusal\" }\nact = { request = { at = \"key\", change = { set = \"b\" } } }",
    );
    set(session.as_mut(), r#"{"a": 1, "b": 2}"#).unwrap();
    assert_eq!(get(session.as_mut(), "a").unwrap(), Value::Int(1));
    get(session.as_mut(), "nothing").unwrap_err();
    assert_eq!(get(session.as_mut(), "a").unwrap(), Value::Int(2));
    assert_eq!(faulty.acted(), 1);
}

#[test]
fn a_session_starts_with_another_observable_until_it_is_reset() {
    let (mut session, _place, faulty) = faulty(
        "operation = \"start\"\nact = { observable = { name = \"params\", at = \"N\", change = { set = 5 } } }",
    );
    assert_eq!((&params(session.as_mut())["N"], faulty.acted()), (&Value::Int(5), 1));
    session.reset().unwrap();
    assert_ne!(params(session.as_mut())["N"], Value::Int(5));
}

#[rstest]
#[case("operation = \"laod\"\nact = { skip = {} }", "unknown operation \"laod\"")]
#[case("operation = \"load_torch_bundl\"\nact = { skip = {} }", "load_torch_bundle")]
#[case("operation = []\nact = { skip = {} }", "at least one operation")]
#[case(
    "operation = \"reset\"\nact = { observable = { name = \"parms\", change = \"drop\" } }",
    "unknown observable \"parms\""
)]
#[case("operation = \"reset\"\nact = { call = { operation = \"x\" } }", "unknown operation \"x\"")]
#[case("operation = \"reset\"\nact = { skip = {} }\nwhen = { refused = {} }", "cannot depend on its refusal")]
#[case("operation = \"reset\"\nact = { refusal = { message = \"x\" } }", "needs when.refused")]
#[case("operation = \"start\"\nact = { skip = {} }", "only an observable can be changed")]
#[case(
    "operation = \"start\"\nwhen = { nth = 2 }\nact = { observable = { name = \"params\", at = \"N\", change = \"drop\" } }",
    "no condition but when.environment"
)]
#[case("operation = \"reset\"\nact = { call = { operation = \"start\" } }", "unknown operation \"start\"")]
fn what_a_contract_does_not_have_is_named(#[case] fault: &str, #[case] problem: &str) {
    let fault: Fault = toml::from_str(fault).unwrap();
    let found = fault.problem(&BUNDLE).unwrap();
    assert!(found.contains(problem), "{found}");
}

#[rstest]
#[case("operation = \"reset\"\nact = { skip = {} }\nwhat = 1", "unknown field `what`")]
#[case("operation = \"reset\"\nact = { skp = {} }", "unknown variant `skp`")]
#[case("operation = \"reset\"\nact = { remove = \"$work/../x\" }", "must name a file below its directory")]
#[case("operation = \"reset\"\nact = { remove = \"/etc/passwd\" }", "not a file of a case")]
#[case("operation = \"reset\"\nact = { remove = \"$file/x\" }", "must name a file below its directory")]
#[case("operation = \"reset\"\nact = { skip = {} }\nwhen = { nth = 0 }", "nonzero")]
fn a_row_that_is_no_fault_is_an_error(#[case] fault: &str, #[case] error: &str) {
    let found = toml::from_str::<Fault>(fault).unwrap_err().to_string();
    assert!(found.contains(error), "{found}");
}

#[test]
fn a_fault_around_an_implementation_keeps_what_that_supports() {
    let inner = reference();
    let faulty = FaultyImplementation::new("f", Arc::clone(&inner), &BUNDLE, []);
    assert_eq!((faulty.name(), faulty.version(), faulty.details()), ("f", inner.version(), inner.details()));
    for need in ["load_torch_bundle", "forward", "fixture_networks"] {
        assert_eq!(faulty.supports(need), inner.supports(need));
    }
}

#[test]
fn a_fault_says_what_it_does() {
    let fault: Fault = toml::from_str(
        "operation = \"reset\"\nwhen = { from = 2, after = \"refusal\" }\n\
         act = { observable = { name = \"params\", at = \"N\", change = \"earlier\" } }",
    )
    .unwrap();
    assert_eq!(fault.to_string(), "reset: params N as earlier, from call 2 on, after refusal");
}
