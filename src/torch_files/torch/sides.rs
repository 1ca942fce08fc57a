//! The lengths and the strides of a tensor in a pickle.

use crate::torch_files::pickle::{Class, Global, Graph, Id, Node};

/// The integers of a list, a tuple or a `torch.Size`, or the item that is none. Nothing for another object.
pub(super) fn sides(graph: &Graph, id: Id) -> Option<impl ExactSizeIterator<Item = Result<i64, Id>>> {
    let (items, first_bool) =
        if let Node::Call { global: Global::Class(Class::TorchSize), arguments, .. } = graph.node(id) {
            let items = match **arguments {
                [] => &[],
                [sizes] => graph.sequence(sizes)?,
                [_, _, ..] => return None,
            };
            // It makes integers of all.
            (items, 0)
        } else {
            // torch looks at the type of the first one only, and takes bools after it.
            (graph.sequence(id)?, 1)
        };
    Some(items.iter().enumerate().map(move |(index, item)| {
        let node = graph.node(*item);
        if let Node::Int(value) = node {
            return Ok(*value);
        }
        if let Node::Bool(value) = node
            && index >= first_bool
        {
            return Ok(i64::from(*value));
        }
        Err(*item)
    }))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use rstest::rstest;

    use super::*;
    use crate::torch_files::pickle::survey;

    #[rstest]
    #[case::tuple("(I3\nI01\nt", Some(Ok(vec![3, 1])))]
    #[case::list("(I3\nI00\nl", Some(Ok(vec![3, 0])))]
    #[case::size("ctorch\nSize\n(I01\nI3\ntR", None)]
    #[case::size_of_a_tuple("ctorch\nSize\n(I01\nI3\nt\u{85}R", Some(Ok(vec![1, 3])))]
    #[case::empty_size("ctorch\nSize\n)R", Some(Ok(vec![])))]
    #[case::first_bool("(I01\nI3\nt", Some(Err("bool")))]
    #[case::float("(I3\nF3\nt", Some(Err("float")))]
    #[case::text("V3\n", None)]
    fn a_bool_counts_after_an_integer(
        #[case] pickle: &str,
        #[case] expected: Option<Result<Vec<i64>, &str>>,
    ) {
        // A pickle in which each character is a byte.
        let bytes: Vec<u8> = pickle.chars().map(|c| c as u8).chain(*b".").collect();
        let (graph, _) = survey(&bytes).read.unwrap();
        let found = sides(&graph, graph.root())
            .map(|sides| sides.map(|side| side.map_err(|id| graph.node(id).type_name())).collect());
        assert_eq!(found, expected);
    }
}
