//! The adversaries.

/// A way to be wrong that has nothing to do with a particular requirement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Adversary {
    /// Refuses every request, in words that a case could look for.
    RefusesEverything,
    /// Refuses no request, and makes up what it cannot know.
    AnswersEverything,
    /// Answers for a file as it was when it wrote it.
    AnswersFromMemory,
    /// Answers rightly, and leaves neither files nor changed observables.
    ForgetsSideEffects,
    /// Repeats its first answer to each operation.
    RightOnce,
}

impl Adversary {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::RefusesEverything,
        Self::AnswersEverything,
        Self::AnswersFromMemory,
        Self::ForgetsSideEffects,
        Self::RightOnce,
    ];

    /// The name on the command line and in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::RefusesEverything => "refuses_everything",
            Self::AnswersEverything => "answers_everything",
            Self::AnswersFromMemory => "answers_from_memory",
            Self::ForgetsSideEffects => "forgets_side_effects",
            Self::RightOnce => "right_once",
        }
    }

    /// What it does, in one line.
    pub fn does(self) -> &'static str {
        match self {
            Self::RefusesEverything => "refuses every request, with every word that a case could look for",
            Self::AnswersEverything => {
                "refuses nothing; makes up answers from the request and earlier answers"
            }
            Self::AnswersFromMemory => "answers for a file as it was when it wrote it, without reading it",
            Self::ForgetsSideEffects => "answers rightly, but leaves no file and no changed observable",
            Self::RightOnce => "performs every operation, but repeats its first answer to each",
        }
    }
}
