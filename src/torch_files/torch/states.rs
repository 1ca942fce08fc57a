//! What torch takes as the state that BUILD gives one of its own objects.

use crate::torch_files::{
    FormatErrorKind as Kind,
    pickle::{Global, Graph, Id, Node, Wrapper},
};

/// Why torch fails on the state of an object that a call of a global made, if it does.
pub(super) fn unfit_state(graph: &Graph, global: Global, arguments: &[Id], state: Id) -> Option<Kind> {
    let states = States { graph };
    let is_true = |id: &Id| *graph.node(*id) == Node::Bool(true);
    let is_fit = match global {
        Global::RebuildTensor
        | Global::RebuildOldTensor
        | Global::RebuildTypedTensor
        | Global::TensorType => states.is_of_a_tensor(state),
        // By itself it requires a gradient.
        Global::ParameterType => states.is_of_a_parameter(state, arguments.get(1).is_none_or(is_true)),
        Global::Wrapper(Wrapper::OnDevice) => states.is_of_a_tensor(state),
        Global::Wrapper(Wrapper::Parameter | Wrapper::ParameterWithState) => {
            states.is_of_a_parameter(state, arguments.get(1).is_some_and(is_true))
        }
        Global::RebuildFromType => match arguments {
            [_, class, ..] if *graph.node(*class) == Node::Global(Global::ParameterType) => {
                states.is_of_a_parameter(state, false)
            }
            _ => states.is_of_a_tensor(state),
        },
        Global::Class(_) => states.is_of_nothing(state),
        Global::OrderedDict
        | Global::Set
        | Global::FrozenSet
        | Global::ByteArray
        | Global::Bytes
        | Global::Encode
        | Global::Storage(_)
        | Global::UntypedStorage
        | Global::Path(_)
        | Global::NumpyDtype
        | Global::NumpyScalar
        | Global::Dill(_)
        | Global::TorchDtype(_)
        | Global::Foreign(_) => true,
    };
    let found = graph.node(state).type_name();
    (!is_fit).then(|| {
        Kind::TorchFails(format!("an object of its own has a state that it does not take, a {found}"))
    })
}

struct States<'g> {
    graph: &'g Graph,
}

impl States<'_> {
    /// A storage with what a tensor is of it, another tensor, or nothing.
    fn is_of_a_tensor(&self, state: Id) -> bool {
        match self.graph.sequence(state) {
            Some(&[]) => true,
            Some(&[other]) => matches!(self.graph.node(other), Node::Persistent(_) | Node::Call { .. }),
            Some(parts @ &[_, _, _, _]) => self.begins_with_a_storage(parts),
            Some(_) => false,
            None => self.graph.node(state).is_empty(),
        }
    }

    /// Whether it requires a gradient, something that is not looked at, and hooks; or its tensor; or its storage, which one
    /// that requires a gradient does not take.
    fn is_of_a_parameter(&self, state: Id, has_gradient: bool) -> bool {
        match self.graph.sequence(state) {
            Some(&[gradient, _, _]) => matches!(self.graph.node(gradient), Node::Bool(_)),
            Some(parts @ &[_, _, _, _]) => !has_gradient && self.begins_with_a_storage(parts),
            Some(&[data, _, _, _, _]) => matches!(self.graph.node(data), Node::Call { .. }),
            Some(_) | None => false,
        }
    }

    /// An object without attributes takes only what sets none.
    fn is_of_nothing(&self, state: Id) -> bool {
        let is_false = |id: Id| self.graph.node(id).is_false();
        let are_false = |parts: &[Id]| parts.len() == 2 && parts.iter().all(|part| is_false(*part));
        is_false(state) || self.graph.sequence(state).is_some_and(are_false)
    }

    fn begins_with_a_storage(&self, parts: &[Id]) -> bool {
        parts.first().is_some_and(|part| matches!(self.graph.node(*part), Node::Persistent(_)))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use rstest::rstest;

    use crate::torch_files::{
        pickle::survey,
        torch::{fails::first_failure, source::TorchFormat},
    };

    const STORAGE: &[u8] = b"(X\x07\0\0\0storagectorch\nFloatStorage\nX\x01\0\0\x000X\x03\0\0\0cpuK\x06tQ";

    /// The failure of BUILD with a state as opcodes, in which `S` is a storage. The object is a tensor (`T`), a parameter
    /// with a gradient (`P`) or without one (`F`), or made by opcodes.
    fn failure(object: &[u8], state: &[u8]) -> Option<String> {
        let arguments = [STORAGE, b"K\0K\x02\x85K\x01\x85\x89ccollections\nOrderedDict\n)Rt"].concat();
        let tensor = [b"ctorch._utils\n_rebuild_tensor_v2\n(", &arguments[..], b"R"].concat();
        let mut pickle = match object {
            b"T" => tensor,
            b"P" => [b"ctorch.nn.parameter\nParameter\n", &tensor[..], b"\x85R"].concat(),
            b"F" => [b"ctorch.nn.parameter\nParameter\n", &tensor[..], b"\x89\x86R"].concat(),
            other => other.to_vec(),
        };
        match state {
            b"S" => pickle.extend([b"(", STORAGE, b"K\0K\x02\x85K\x01\x85t"].concat()),
            other => pickle.extend(other),
        }
        pickle.extend(b"b.");
        let asked = survey(&pickle);
        let (graph, _) = asked.read.unwrap();
        first_failure(&graph, &asked.globals, TorchFormat::Zip).map(|kind| kind.to_string())
    }

    const ATTRIBUTES: &[u8] = b"}X\x01\0\0\0aNs";
    const GRADIENT: &[u8] = b"\x88NN\x87";
    const SIZE: &[u8] = b"ctorch\nSize\n)\x85R";

    #[rstest]
    #[case::storage_of_a_tensor(b"T", b"S")]
    #[case::tensor_without_a_storage(b"T", b"}")]
    #[case::storage_of_a_parameter(b"F", b"S")]
    #[case::gradient(b"P", GRADIENT)]
    #[case::nothing(SIZE, b"N")]
    #[case::no_attributes(SIZE, b"N}\x86")]
    #[case::storage_of_an_empty_tensor(b"ctorch\nTensor\n)R", b"S")]
    fn torch_takes_these_states(#[case] object: &[u8], #[case] state: &[u8]) {
        assert_eq!(failure(object, state), None);
    }

    #[rstest]
    #[case::attributes_of_a_tensor(b"T", ATTRIBUTES)]
    #[case::gradient_of_a_tensor(b"T", GRADIENT)]
    #[case::no_state(b"T", b"N")]
    #[case::attributes_of_a_parameter(b"P", ATTRIBUTES)]
    #[case::no_gradient(b"P", b"NNN\x87")]
    #[case::storage_of_a_parameter_with_a_gradient(b"P", b"S")]
    #[case::pair_of_a_tensor(b"T", b"NN\x86\x85")]
    #[case::parameter_without_a_state(b"P", b"}")]
    #[case::attributes_of_a_size(SIZE, ATTRIBUTES)]
    #[case::slots_of_a_size(SIZE, b"N}X\x01\0\0\0aNs\x86")]
    fn torch_fails_on_these_states(#[case] object: &[u8], #[case] state: &[u8]) {
        assert!(failure(object, state).unwrap().contains("a state that it does not take"));
    }
}
