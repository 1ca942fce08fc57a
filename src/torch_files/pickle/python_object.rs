//! Recorded calls of classes whose objects have no other notation than their repr. The arguments are checked as Python would
//! check them.

use super::{
    Class, Id, Node,
    convert::{Result, Tree},
    well_known::torch_device,
};
use crate::{
    torch_files::{FormatError, FormatErrorKind as Kind, error::excerpt},
    value::python_repr,
};

/// The most bytes that an object prints without its arguments.
const PRINTED_CALL: u64 = 96;

/// The largest index of a device of torch.
const MAX_DEVICE: i64 = 127;

impl Tree<'_> {
    /// Appends the repr of the object that this call makes.
    pub(super) fn repr_call(&mut self, class: Class, arguments: &[Id], out: &mut String) -> Result<()> {
        self.count_printed(PRINTED_CALL)?;
        let graph = self.graph;
        match (class, arguments) {
            (Class::Complex, &[real, imaginary]) => {
                let (Node::Float(real), Node::Float(imaginary)) = (graph.node(real), graph.node(imaginary))
                else {
                    return Err(self.wrong("two floats for a complex number", arguments));
                };
                out.push_str(&python_repr::complex(*real, *imaginary));
            }
            (Class::Range, &[start, stop, step]) => self.repr_range([start, stop, step], out)?,
            (Class::Slice, [_, _, _]) => {
                out.push_str("slice(");
                self.repr_each(arguments, out)?;
                out.push(')');
            }
            (Class::TorchSize, &[sides]) => {
                let Some(sides) = graph.sequence(sides).filter(|sides| self.are_integers(sides)) else {
                    return Err(self.wrong("integers for a torch.Size", arguments));
                };
                out.push_str("torch.Size([");
                self.repr_each(sides, out)?;
                out.push_str("])");
            }
            (Class::TorchDevice, &[kind, ref index @ ..]) => {
                let Some(kind) = graph.text(kind).and_then(torch_device) else {
                    return Err(self.wrong("a kind of device that torch knows", arguments));
                };
                match *index {
                    [] => out.push_str(&format!("device(type='{kind}')")),
                    [index] => {
                        let Node::Int(index @ 0..=MAX_DEVICE) = graph.node(index) else {
                            return Err(self.wrong("an index of a device", &[index]));
                        };
                        out.push_str(&format!("device(type='{kind}', index={index})"));
                    }
                    [_, _, ..] => return Err(self.wrong("a kind of device and an index", arguments)),
                }
            }
            (Class::Enumeration(enumeration), &[number]) => {
                let member =
                    if let Node::Int(number) = graph.node(number) { enumeration.repr(*number) } else { None };
                let Some(member) = member else {
                    return Err(self.wrong("the number of a member of an enumeration", arguments));
                };
                out.push_str(&member);
            }
            (
                Class::Complex
                | Class::Range
                | Class::Slice
                | Class::TorchSize
                | Class::TorchDevice
                | Class::Enumeration(_),
                _,
            ) => return Err(self.wrong("the arguments that Python pickles", arguments)),
        }
        Ok(())
    }

    /// A range of three integers; a step of 1 is not printed.
    fn repr_range(&mut self, numbers: [Id; 3], out: &mut String) -> Result<()> {
        let [start, stop, step] = numbers;
        if !self.are_integers(&numbers) {
            return Err(self.wrong("integers for a range", &numbers));
        }
        if *self.graph.node(step) == Node::Int(0) {
            return Err(self.wrong("a step other than 0 for a range", &[step]));
        }
        let printed = if *self.graph.node(step) == Node::Int(1) { &[start, stop][..] } else { &numbers };
        out.push_str("range(");
        self.repr_each(printed, out)?;
        out.push(')');
        Ok(())
    }

    /// The refusal of arguments, as Python shows them.
    fn wrong(&mut self, expected: &'static str, arguments: &[Id]) -> FormatError {
        let mut found = String::new();
        match self.repr_each(arguments, &mut found) {
            Ok(()) if found.is_empty() => Kind::Unexpected { expected, found: "none".to_owned() }.into(),
            Ok(()) => Kind::Unexpected { expected, found: excerpt(&found) }.into(),
            Err(error) => error,
        }
    }

    fn are_integers(&self, ids: &[Id]) -> bool {
        ids.iter().all(|id| matches!(self.graph.node(*id), Node::Int(_) | Node::BigInt(_)))
    }

    fn repr_each(&mut self, ids: &[Id], out: &mut String) -> Result<()> {
        for (index, id) in ids.iter().enumerate() {
            if index > 0 {
                out.push_str(", ");
            }
            self.repr(*id, out)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use rstest::rstest;

    use crate::{
        torch_files::{
            FormatErrorKind as Kind,
            pickle::{Allow, read},
        },
        value::{Map, Value},
    };

    fn shown(pickle: &[u8]) -> Result<Value, crate::torch_files::FormatError> {
        let graph = read(&[pickle, b"."].concat(), Allow::VALUES)?;
        graph.to_value(graph.root())
    }

    /// The pickles of Python in protocols 0, 2 and 4, and those of dill.
    #[rstest]
    #[case(b"c__builtin__\ncomplex\np0\n(F0.0\nF1.0\ntp1\nRp2\n", "1j")]
    #[case(b"c__builtin__\ncomplex\nG\0\0\0\0\0\0\0\0G\x3f\xf0\0\0\0\0\0\0\x86R", "1j")]
    #[case(b"\x8c\x08builtins\x8c\x07complex\x93G\x3f\xf0\0\0\0\0\0\0G\0\0\0\0\0\0\0\0\x86R", "(1+0j)")]
    #[case(b"cdill._dill\n_load_type\nX\x07\0\0\0complex\x85RF-0.0\nFnan\n\x86R", "(-0+nanj)")]
    #[case(b"c__builtin__\nxrange\np0\n(I0\nI10\nI2\ntp1\nRp2\n", "range(0, 10, 2)")]
    #[case(b"cbuiltins\nrange\nK\0K\x0aK\x01\x87R", "range(0, 10)")]
    #[case(b"cdill._dill\n_eval_repr\nX\x0f\0\0\0range(0, 10, 2)\x85R", "range(0, 10, 2)")]
    #[case(b"\x8c\ndill._dill\x8c\x0a_eval_repr\x93\x8c\x0crange(-1, 5)\x85R", "range(-1, 5)")]
    #[case(b"c__builtin__\nslice\n(I0\nI3\nNtR", "slice(0, 3, None)")]
    #[case(b"cdill._dill\n_load_type\nX\x05\0\0\0slice\x85RNV'\n]\x87R", "slice(None, \"'\", [])")]
    #[case(b"ctorch\nSize\n((I64\nI64\nttR", "torch.Size([64, 64])")]
    #[case(b"\x8c\x05torch\x8c\x04Size\x93)\x85R", "torch.Size([])")]
    #[case(b"ctorch\nfloat32\n", "torch.float32")]
    #[case(b"\x8c\x05torch\x8c\x0dfloat8_e4m3fn\x93", "torch.float8_e4m3fn")]
    #[case(b"ctorch\ndevice\nX\x03\0\0\0cpu\x85R", "device(type='cpu')")]
    #[case(b"ctorch\ndevice\n(Vcuda\nI0\ntR", "device(type='cuda', index=0)")]
    #[case(b"chttp\nHTTPStatus\nK\xc8\x85R", "<HTTPStatus.OK: 200>")]
    #[case(b"cre\nRegexFlag\n(I10\ntR", "re.IGNORECASE|re.MULTILINE")]
    fn an_object_is_shown_as_python_shows_it(#[case] pickle: &[u8], #[case] repr: &str) {
        assert_eq!(shown(pickle).unwrap(), Value::Python(repr.to_owned()));
    }

    /// What Python would not call, or not like this.
    #[rstest]
    #[case(b"cbuiltins\ncomplex\nK\x01K\x02\x86R", "two floats for a complex number, found 1, 2")]
    #[case(b"cbuiltins\ncomplex\n)R", "the arguments that Python pickles, found none")]
    #[case(b"cbuiltins\nrange\nK\0K\x0aK\0\x87R", "a step other than 0 for a range, found 0")]
    #[case(b"cbuiltins\nrange\nK\0NK\x01\x87R", "integers for a range, found 0, None, 1")]
    #[case(b"ctorch\nSize\nK\x01\x85R", "integers for a torch.Size, found 1")]
    #[case(b"ctorch\nSize\nN\x85\x85R", "integers for a torch.Size, found (None,)")]
    #[case(b"ctorch\ndevice\nVcuda:0\n\x85R", "a kind of device that torch knows, found 'cuda:0'")]
    #[case(b"ctorch\ndevice\nVcuda\nI-1\n\x86R", "an index of a device, found -1")]
    #[case(b"chttp\nHTTPStatus\nM\x2b\x01\x85R", "the number of a member of an enumeration, found 299")]
    fn a_call_that_python_would_refuse_is_refused(#[case] pickle: &[u8], #[case] expected: &str) {
        let error = shown(pickle).unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
        assert!(matches!(error.kind, Kind::Unexpected { .. }), "{error}");
    }

    #[test]
    fn dill_loads_sets_and_bytes_by_the_name_of_their_class() {
        let loaded = |name: &str, rest: &[u8]| {
            shown(&[b"cdill._dill\n_load_type\nV", name.as_bytes(), b"\n\x85R", rest].concat()).unwrap()
        };
        let items = || Value::set(vec![Value::Int(1)]);
        assert_eq!(
            (loaded("set", b"]K\x01a\x85R"), loaded("frozenset", b"]K\x01a\x85R")),
            (items(), items())
        );
        assert_eq!(loaded("bytes", b")R"), Value::Bytes(vec![]));
        assert_eq!(loaded("bytearray", b")R"), Value::Bytes(vec![]));
        assert_eq!(loaded("bytearray", b"C\x02hi\x85R"), Value::Bytes(b"hi".to_vec()));
        assert_eq!(loaded("bytearray", b"V\xff\nVlatin-1\n\x86R"), Value::Bytes(vec![0xff]));
        assert_eq!(shown(b"\x96\x02\0\0\0\0\0\0\0hi").unwrap(), Value::Bytes(b"hi".to_vec()));
    }

    #[test]
    fn what_dill_would_run_is_refused_by_what_it_is_called_with() {
        let refused = |pickle: &[u8]| {
            let error = shown(&[b"}\x8c\x05extra", pickle, b"s"].concat()).unwrap_err();
            assert!(matches!(error.kind, Kind::ForeignGlobal { .. }), "{error}");
            (error.place.subscript, error.kind.to_string())
        };
        for (pickle, name) in [
            (&b"cdill._dill\n_load_type\nVfunction\n\x85R"[..], "_load_type('function')"),
            (b"cdill._dill\n_load_type\nVtype\n\x85R", "_load_type('type')"),
            (b"cdill._dill\n_eval_repr\nVexit()\n\x85R", "_eval_repr('exit()')"),
            (b"cdill._dill\n_eval_repr\nVrange(0, exit())\n\x85R", "_eval_repr('range(0, exit())')"),
            (b"cdill._dill\n_eval_repr\nVrange(0, 1, 2, 3)\n\x85R", "_eval_repr('range(0, 1, 2, 3)')"),
            (b"cdill._dill\n_load_type\n", "_load_type"),
            (b"cdill._dill\n_eval_repr\n", "_eval_repr"),
            (b"cdill._dill\n_create_array\n", "_create_array"),
            (b"cdill._dill\n_create_array\n(cbuiltins\ncomplex\n(F1\nF2\nttR", "_create_array"),
        ] {
            let message = format!("the global dill._dill.{name} is not allowed");
            assert_eq!(refused(pickle), (Some("['extra']".to_owned()), message));
        }
    }

    /// Only the function that it calls tells what dill makes, so that is what the refusal names.
    #[rstest]
    #[case::array(b"numpy._core.multiarray\n_reconstruct\n", "numpy._core.multiarray._reconstruct")]
    #[case::code(b"posix\nsystem\n", "posix.system")]
    fn the_function_that_dill_makes_an_array_with_is_named(#[case] given: &[u8], #[case] name: &str) {
        let pickle = [b"cdill._dill\n_create_array\nc", given, b"(Vid\nt\x86R"].concat();
        let error = shown(&pickle).unwrap_err();
        assert_eq!(error.kind.to_string(), format!("the global {name} is not allowed"));
    }

    #[test]
    fn objects_stay_in_their_containers() {
        let list = shown(b"}\x8c\x01a(ctorch\nint8\nNls").unwrap();
        let items = vec![Value::Python("torch.int8".to_owned()), Value::None];
        assert_eq!(list, Value::from(Map::from_iter([("a".to_owned(), Value::List(items))])));
        let set = shown(b"(ctorch\nint8\nctorch\nint8\n\x91").unwrap();
        assert_eq!(set, Value::set(vec![Value::Python("torch.int8".to_owned())]));
    }
}
