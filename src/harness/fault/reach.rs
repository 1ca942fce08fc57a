//! Whether a fault can act in a run, given the calls of the run without it.

use super::{Fault, session::REFUSAL};
use crate::harness::contract::{CallLog, START, SessionLog};

impl Fault {
    /// Whether its conditions hold for one of these calls. Up to that call a session with the fault is asked and answers
    /// what one without it does, so a run in which they never hold is the run without the fault.
    pub(super) fn is_reached(&self, calls: &CallLog) -> bool {
        calls.sessions.iter().any(|session| self.is_reached_in(session))
    }

    fn is_reached_in(&self, session: &SessionLog) -> bool {
        if !self.when.is_environment(&session.environment) {
            return false;
        }
        // Its only condition is the environment.
        if self.is_at(START) {
            return true;
        }
        let mut met = 0_u32;
        let mut happened = self.when.after.is_none();
        for call in &session.calls {
            let holds = happened
                && self.is_at(&call.operation)
                && self.when.is_request(&call.request)
                && (self.act.is_before() || self.when.is_result(call.refusal.as_ref()));
            if holds {
                met = met.saturating_add(1);
                if self.when.is_call(met) {
                    return true;
                }
            }
            let name = if call.refusal.is_none() { &call.operation } else { REFUSAL };
            happened |= self.when.after.as_deref() == Some(name);
        }
        false
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use rstest::rstest;

    use super::*;
    use crate::{
        harness::contract::{LoggedCall, Refusal, RefusalKind},
        value::{Map, Value},
    };

    fn call(operation: &str, value: i64, is_refused: bool) -> LoggedCall {
        LoggedCall {
            operation: operation.to_owned(),
            request: Map::from_iter([("value".to_owned(), Value::Int(value))]),
            refusal: is_refused.then(|| Refusal::new(RefusalKind::InvalidValue, "no")),
            step: 0,
        }
    }

    /// Two sessions: `put 1`, refused `put 2`, `put 3`; and `take 1`, in Paris.
    fn log() -> CallLog {
        let first = vec![call("put", 1, false), call("put", 2, true), call("put", 3, false)];
        let session = |calls, place: &str| SessionLog {
            environment: [("TZ".to_owned(), place.to_owned())].into(),
            calls,
            notices: Vec::new(),
        };
        CallLog { sessions: vec![session(first, "UTC"), session(vec![call("take", 1, false)], "Paris")] }
    }

    #[rstest]
    #[case::operation(r#"{"operation": "put", "act": {"skip": {}}}"#, true)]
    #[case::other_operation(r#"{"operation": "get", "act": {"skip": {}}}"#, false)]
    #[case::one_of_two(r#"{"operation": ["get", "take"], "act": {"skip": {}}}"#, true)]
    #[case::start(
        r#"{"operation": "start", "act": {"observable": {"name": "params", "change": "add"}}}"#,
        true
    )]
    #[case::request(
        r#"{"operation": "put", "when": {"request": [{"at": "value", "is": 3}]}, "act": {"skip": {}}}"#,
        true
    )]
    #[case::other_request(
        r#"{"operation": "put", "when": {"request": [{"at": "value", "is": 4}]}, "act": {"skip": {}}}"#,
        false
    )]
    #[case::answer(
        r#"{"operation": "put", "when": {"request": [{"at": "value", "is": 2}]}, "act": {"answer": {}}}"#,
        false
    )]
    #[case::refusal(r#"{"operation": "put", "when": {"refused": {}}, "act": {"answer": {}}}"#, true)]
    #[case::other_refusal(
        r#"{"operation": "put", "when": {"refused": {"kind": "not_found"}}, "act": {"answer": {}}}"#,
        false
    )]
    #[case::no_refusal(r#"{"operation": "take", "when": {"refused": {}}, "act": {"answer": {}}}"#, false)]
    #[case::third_call(r#"{"operation": "put", "when": {"nth": 3}, "act": {"skip": {}}}"#, true)]
    #[case::fourth_call(r#"{"operation": "put", "when": {"nth": 4}, "act": {"skip": {}}}"#, false)]
    #[case::third_answer(r#"{"operation": "put", "when": {"nth": 3}, "act": {"answer": {}}}"#, false)]
    #[case::after_a_refusal(
        r#"{"operation": "put", "when": {"after": "refusal"}, "act": {"skip": {}}}"#,
        true
    )]
    #[case::after_a_refusal_of_another_session(
        r#"{"operation": "take", "when": {"after": "refusal"}, "act": {"skip": {}}}"#,
        false
    )]
    #[case::environment(
        r#"{"operation": "take", "when": {"environment": {"TZ": "Par*"}}, "act": {"skip": {}}}"#,
        true
    )]
    #[case::other_environment(
        r#"{"operation": "put", "when": {"environment": {"TZ": "Par*"}}, "act": {"skip": {}}}"#,
        false
    )]
    fn a_fault_is_reached_by_a_call_that_meets_all_its_conditions(
        #[case] fault: &str,
        #[case] reached: bool,
    ) {
        let fault: Fault = serde_json::from_str(fault).unwrap();
        assert_eq!(fault.is_reached(&log()), reached, "{fault}");
    }
}
