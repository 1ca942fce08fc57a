//! Reads a whole `model.pth` into memory.

use std::{
    io::{Read, Seek},
    sync::Arc,
};

use super::{ElementVisitor, NetworkOutline, Outline, scan};
use crate::torch_files::{
    FormatError, FormatErrorKind as Kind, ModelState, StateDict, Tensor, pickle::subscript,
};

type Result<T> = std::result::Result<T, FormatError>;

/// Reads a state dict or a sentinel (BUN-010).
///
/// All names, shapes and element types are accepted. Tensors that share a storage each get their own contiguous
/// little-endian bytes. Devices, `requires_grad` and `_metadata` are not part of a state.
///
/// # Errors
/// As [`scan`].
pub fn read(reader: impl Read + Seek) -> Result<ModelState> {
    let mut storages = Storages::default();
    let (outline, _) = scan(reader, &mut storages)?;
    storages.state(outline)
}

/// The bytes of all storages of one file.
#[derive(Default)]
pub(crate) struct Storages(Vec<Vec<u8>>);

impl ElementVisitor for Storages {
    fn begin(&mut self, network: &NetworkOutline) -> Result<()> {
        self.0.clear();
        for storage in &network.storages {
            let mut bytes = Vec::new();
            // The file has this many bytes: the outline was compared with the entries.
            let length = usize::try_from(storage.bytes).unwrap_or(usize::MAX);
            bytes.try_reserve_exact(length).map_err(|error| Kind::Storage(error.to_string()))?;
            self.0.push(bytes);
        }
        Ok(())
    }

    fn piece(&mut self, storage: usize, _offset: u64, bytes: &[u8]) -> Result<()> {
        if let Some(storage) = self.0.get_mut(storage) {
            storage.extend_from_slice(bytes);
        }
        Ok(())
    }
}

impl Storages {
    /// Combines these storages and an outline into a state.
    pub(crate) fn state(self, outline: Outline) -> Result<ModelState> {
        let network = match outline {
            Outline::Sentinel(values) => return Ok(ModelState::Sentinel(values)),
            Outline::Network(network) => network,
        };
        let storages: Vec<Arc<Vec<u8>>> = self.0.into_iter().map(Arc::new).collect();
        let mut tensors = StateDict::with_capacity(network.tensors.len());
        for (name, outline) in &network.tensors {
            let shape = outline.shape().to_vec();
            let tensor = storages.get(outline.storage).and_then(|bytes| {
                if network.is_whole(outline) {
                    return Tensor::new(outline.dtype, shape, Arc::clone(bytes));
                }
                let bytes = outline.copy(bytes)?;
                Tensor::new(outline.dtype, shape, bytes)
            });
            let unfit = || Kind::Storage("the tensor does not fit its storage".to_owned());
            let tensor = tensor.ok_or_else(|| FormatError::from(unfit()).under(subscript(name)))?;
            tensors.insert(name.clone(), tensor);
        }
        Ok(ModelState::Network(tensors))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::io::{Cursor, Write as _};

    use super::*;
    use crate::{
        torch_files::{
            Dtype,
            torch::{Outline, scan, write},
            zip::{
                Archive,
                writer::{ArchiveWriter, Placement},
            },
        },
        value::{Map, Value},
    };

    /// A file with this pickle and one storage.
    fn file(pickle: &str, order: &[u8], storage: &[u8]) -> Cursor<Vec<u8>> {
        let mut archive = ArchiveWriter::new(Cursor::new(Vec::new()), Placement::Packed);
        archive.entry("m/data.pkl", pickle.as_bytes()).unwrap();
        archive.entry("m/byteorder", order).unwrap();
        archive.entry("m/data/0", storage).unwrap();
        archive.entry("m/version", b"3\n").unwrap();
        archive.finish().unwrap()
    }

    /// The pickle of an int16 tensor on a device, with this offset, shape and strides.
    fn tensor(elements: usize, offset: i64, shape: &str, strides: &str) -> String {
        let storage = format!("(Vstorage\nctorch\nShortStorage\nV0\nVcuda:0\nI{elements}\ntQ");
        format!("ctorch._utils\n_rebuild_tensor_v2\n({storage}I{offset}\n({shape}t({strides}tI00\nNtR")
    }

    fn little(pickle: &str, storage: &[u8]) -> Result<ModelState> {
        read(file(pickle, b"little", storage))
    }

    fn network(state: ModelState) -> Vec<(String, Vec<usize>, Vec<u8>)> {
        let ModelState::Network(tensors) = state else { unreachable!() };
        let parts =
            |(name, tensor): (String, Tensor)| (name, tensor.shape().to_vec(), tensor.data().to_vec());
        tensors.into_iter().map(parts).collect()
    }

    #[test]
    fn every_element_type_survives_a_round_trip() {
        let shape =
            |dtype: Dtype| Tensor::new(dtype, vec![3, 1], (0..3 * dtype.size() as u8).collect::<Vec<_>>());
        let tensors = Dtype::ALL.into_iter().rev().map(|dtype| (dtype.to_string(), shape(dtype).unwrap()));
        let state = ModelState::Network(tensors.collect());
        let mut file = Cursor::new(Vec::new());
        write(&state, &mut file).unwrap();
        let back = read(file).unwrap();
        assert_eq!(back, state);
        let (ModelState::Network(back), ModelState::Network(state)) = (back, state) else { unreachable!() };
        assert!(back.keys().eq(state.keys()), "the order is kept");
    }

    #[test]
    fn big_endian_storages_are_converted() {
        let pickle = format!("}}Va\n{}s.", tensor(2, 0, "I2\n", "I1\n"));
        let state = read(file(&pickle, b"big", &[0, 1, 2, 3])).unwrap();
        assert_eq!(network(state), [("a".into(), vec![2], vec![1, 0, 3, 2])]);
        assert!(matches!(read(file(&pickle, b"pdp", &[0; 4])).unwrap_err().kind, Kind::Unsupported(_)));
    }

    #[test]
    fn what_torch_fails_to_make_is_refused_although_no_tensor_needs_it() {
        let pickle = |other: &str| format!("{other}0}}Va\n{}s.", tensor(2, 0, "I2\n", "I1\n"));
        assert!(little(&pickle("}Va\nNs"), &[0; 4]).is_ok());
        let refused = little(&pickle("}]Ns"), &[0; 4]).unwrap_err().kind;
        assert!(matches!(refused, Kind::TorchFails(_)), "{refused}");
    }

    #[test]
    fn the_two_parts_of_a_complex_number_are_converted_separately() {
        let complex = tensor(1, 0, "", "").replace("Short", "ComplexFloat");
        let state = read(file(&format!("}}Va\n{complex}s."), b"big", &[0, 1, 2, 3, 4, 5, 6, 7])).unwrap();
        assert_eq!(network(state), [("a".into(), vec![], vec![3, 2, 1, 0, 7, 6, 5, 4])]);
    }

    #[test]
    fn tensors_that_share_a_storage_get_their_own_bytes() {
        let (whole, columns) = (tensor(4, 0, "I2\nI2\n", "I2\nI1\n"), tensor(4, 0, "I2\nI2\n", "I1\nI2\n"));
        let parameter = format!("ctorch._utils\n_rebuild_parameter\n({}I00\nNtR", tensor(4, 3, "", ""));
        let pickle = format!("}}(Va\n{whole}Vb\n{columns}Vc\n{parameter}u.");
        let tensors = network(little(&pickle, &[0, 0, 1, 0, 2, 0, 3, 0]).unwrap());
        assert_eq!(tensors[0].2, [0, 0, 1, 0, 2, 0, 3, 0]);
        assert_eq!(tensors[1].2, [0, 0, 2, 0, 1, 0, 3, 0]);
        assert_eq!(tensors[2], ("c".into(), vec![], vec![3, 0]));
    }

    #[test]
    fn an_empty_ordered_dict_is_a_network_without_tensors() {
        assert_eq!(network(little("ccollections\nOrderedDict\n)R}V_metadata\nNsb.", &[]).unwrap()), []);
    }

    #[test]
    fn a_dict_with_the_sentinel_key_is_a_sentinel() {
        let map = Map::from_iter([("_sentinel".to_owned(), Value::Int(1))]);
        let state = ModelState::Sentinel(map);
        assert_eq!(little("}V_sentinel\nI1\ns.", &[]).unwrap(), state);
        let mut file = Cursor::new(Vec::new());
        write(&state, &mut file).unwrap();
        assert_eq!(read(file).unwrap(), state);
    }

    #[test]
    fn other_objects_are_refused_by_type() {
        for (pickle, expected, found, subscript) in [
            ("].", "a state dict", "list", None),
            ("}Va\n}s.", "a tensor", "dict", Some("['a']")),
            ("}I1\nNs.", "a text key", "1", None),
        ] {
            let error = little(pickle, &[]).unwrap_err();
            assert_eq!(error.kind, Kind::Unexpected { expected, found: found.to_owned() });
            assert_eq!(error.place.entry.as_deref(), Some("m/data.pkl"), "{error}");
            assert_eq!(error.place.subscript.as_deref(), subscript, "{error}");
        }
    }

    #[test]
    fn a_tensor_outside_its_storage_is_refused_by_name() {
        let pickle = format!("}}Va\n{}s.", tensor(2, 1, "I2\n", "I1\n"));
        let error = little(&pickle, &[0; 4]).unwrap_err();
        assert!(matches!(error.kind, Kind::Storage(_)) && error.place.subscript.as_deref() == Some("['a']"));
        let pickle = format!("}}Va\n{}s.", tensor(2, -1, "I2\n", "I1\n"));
        assert!(matches!(
            little(&pickle, &[0; 4]).unwrap_err().kind,
            Kind::Unexpected { expected: "a size", .. }
        ));
    }

    #[test]
    fn a_storage_of_another_size_than_announced_is_refused() {
        let pickle = format!("}}Va\n{}s.", tensor(3, 0, "I2\n", "I1\n"));
        let error = little(&pickle, &[0; 4]).unwrap_err();
        assert!(matches!(error.kind, Kind::Storage(_)) && error.place.entry.as_deref() == Some("m/data/0"));
    }

    #[test]
    fn a_shared_storage_has_one_type_and_one_size() {
        let first = tensor(2, 0, "", "");
        let beside = |second: &str| little(&format!("}}(Va\n{first}Vb\n{second}u."), &[0; 4]);
        assert!(beside(&tensor(2, 1, "", "")).is_ok());
        for second in [tensor(1, 0, "", ""), first.replace("Short", "Half")] {
            let kind = beside(&second).unwrap_err().kind;
            assert_eq!(kind, Kind::Unsupported("storage \"0\" with two types or sizes".to_owned()));
        }
    }

    #[test]
    fn a_lazily_conjugated_or_negated_tensor_has_the_values_that_torch_reads() {
        let with = |class: &str, metadata: &str| {
            let pickle =
                tensor(1, 0, "", "").replace("Short", class).replace("NtR", &format!("N}}({metadata}utR"));
            let mut numbers = Vec::new();
            [1f32, 2.0].iter().for_each(|number| numbers.extend(number.to_le_bytes()));
            let numbers = if class == "ComplexFloat" { &numbers[..] } else { &numbers[..4] };
            let bytes = network(little(&format!("}}Va\n{pickle}s."), numbers)?).remove(0).2;
            Ok::<_, FormatError>(
                bytes.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect::<Vec<_>>(),
            )
        };
        assert_eq!(with("ComplexFloat", "Vconj\nI01\n").unwrap(), [1.0, -2.0]);
        assert_eq!(with("ComplexFloat", "Vconj\nI01\nVneg\nI01\n").unwrap(), [-1.0, 2.0]);
        assert_eq!(with("ComplexFloat", "Vconj\nI00\nVother\nI01\n").unwrap(), [1.0, -2.0]);
        assert_eq!(with("ComplexFloat", "Vother\nI01\n").unwrap(), [1.0, 2.0]);
        assert_eq!(with("Float", "Vneg\nI01\n").unwrap(), [-1.0]);
        let many: String = (0..17).map(|key| format!("V{key}\nN")).collect();
        let kind = with("Float", &many).unwrap_err().kind;
        assert!(matches!(kind, Kind::Limit { what: "keys in the metadata of a tensor", .. }), "{kind}");
        // torch takes the sign of an integer, and no part of a real number.
        assert!(matches!(with("Int", "Vneg\nI01\n").unwrap_err().kind, Kind::Unsupported(_)));
        assert!(matches!(with("Float", "Vconj\nI01\n").unwrap_err().kind, Kind::TorchFails(_)));
    }

    #[test]
    fn what_is_around_a_tensor_does_not_change_it() {
        let inner = tensor(2, 1, "", "");
        let arguments =
            inner.strip_prefix("ctorch._utils\n_rebuild_tensor_v2\n").unwrap().strip_suffix('R').unwrap();
        let attributes = |class: &str| {
            format!(
                "ctorch._tensor\n_rebuild_from_type_v2\n(ctorch._utils\n_rebuild_tensor_v2\nc{class}\n{arguments}}}tR"
            )
        };
        let parameter =
            format!("ctorch._utils\n_rebuild_parameter_with_state\n({inner}I00\nN}}Vnote\nVx\nstR");
        let on_device = |inner: &str| {
            format!(
                "ctorch._utils\n_rebuild_device_tensor_from_cpu_tensor\n({inner}ctorch\nint16\nVcpu\nI00\ntR"
            )
        };
        for pickle in [
            parameter.clone(),
            on_device(&inner),
            on_device(&parameter),
            attributes("torch\nTensor"),
            attributes("torch.nn.parameter\nParameter"),
        ] {
            let tensors = network(little(&format!("}}Va\n{pickle}s."), &[0, 0, 7, 0]).unwrap());
            assert_eq!(tensors, [("a".into(), vec![], vec![7, 0])], "{pickle}");
        }
        let converted = format!("}}Va\n{}s.", on_device(&inner).replace("int16", "float32"));
        let kind = little(&converted, &[0; 4]).unwrap_err().kind;
        assert!(matches!(kind, Kind::Unsupported(_)), "{kind}");
        let deep = (0..5).fold(inner.clone(), |inner, _| on_device(&inner));
        assert!(little(&format!("}}Va\n{deep}s."), &[0; 4]).is_err());
        let foreign =
            little(&format!("}}Va\n{}s.", attributes("two_tensor\nTwoTensor")), &[0; 4]).unwrap_err();
        let named = Kind::ForeignGlobal { module: "two_tensor".into(), name: "TwoTensor".into() };
        assert_eq!((foreign.kind, foreign.place.subscript.as_deref()), (named, Some("['a']")));
    }

    #[test]
    fn an_untyped_storage_has_the_type_of_its_tensor() {
        let typed = |dtype: &str, bytes: usize, shape: &str| {
            let storage = format!("(Vstorage\nctorch.storage\nUntypedStorage\nV0\nVcpu\nI{bytes}\ntQ");
            format!(
                "ctorch._utils\n_rebuild_tensor_v3\n({storage}I0\n({shape}t(I1\ntI00\nNctorch\n{dtype}\ntR"
            )
        };
        let state = little(&format!("}}Va\n{}s.", typed("uint16", 5, "I2\n")), &[1, 2, 3, 4, 5]).unwrap();
        let ModelState::Network(tensors) = &state else { unreachable!() };
        assert_eq!((tensors["a"].dtype(), tensors["a"].data()), (Dtype::Uint16, &[1, 2, 3, 4][..]));
        let requires = typed("uint16", 4, "I2\n").replace("I00", "I01");
        assert!(matches!(
            little(&format!("}}Va\n{requires}s."), &[0; 4]).unwrap_err().kind,
            Kind::TorchFails(_)
        ));
        let outside = little(&format!("}}Va\n{}s.", typed("uint16", 5, "I3\n")), &[0; 5]).unwrap_err();
        assert!(matches!(outside.kind, Kind::Storage(_)));
        let two = format!("}}(Va\n{}Vb\n{}u.", typed("uint16", 4, "I2\n"), typed("uint32", 4, "I1\n"));
        assert!(matches!(little(&two, &[0; 4]).unwrap_err().kind, Kind::Unsupported(_)));
        let big = |dtype| read(file(&format!("}}Va\n{}s.", typed(dtype, 4, "I1\n")), b"big", &[0; 4]));
        assert!(matches!(big("uint16").unwrap_err().kind, Kind::Unsupported(_)));
        assert!(big("float8_e5m2").is_ok());
    }

    #[test]
    fn the_extra_state_of_a_module_is_no_tensor() {
        let one = tensor(2, 0, "", "");
        let state = |name: &str, value: &str| {
            let file = file(&format!("}}(Va\n{one}V{name}\n{value}u."), b"little", &[0; 4]);
            scan(file, &mut Storages::default()).map(|(outline, _)| outline)
        };
        let Outline::Network(outline) = state("m._extra_state", "}Vk\nI7\ns").unwrap() else {
            unreachable!()
        };
        assert_eq!(Value::Map(outline.extra).to_string(), "{'m._extra_state': {'k': 7}}");
        assert_eq!(outline.tensors.len(), 1);
        let Outline::Network(outline) = state("_extra_state", &one).unwrap() else { unreachable!() };
        assert_eq!((outline.tensors.len(), outline.extra.len()), (2, 0));
        assert!(state("my_extra_state", "}").is_err());
        let Outline::Network(outline) = state("_extra_state", "}I1\nI2\ns").unwrap() else { unreachable!() };
        assert_eq!(outline.extra["_extra_state"].to_string(), "{1: 2}");
        let Outline::Network(outline) = state("_extra_state", "ctorch\ndevice\n(Vcpu\ntR").unwrap() else {
            unreachable!()
        };
        assert_eq!(outline.extra["_extra_state"].to_string(), "device(type='cpu')");
    }

    #[test]
    fn a_long_storage_name_is_cut_off_in_messages() {
        let named =
            |elements| tensor(elements, 0, "", "").replace("V0\n", &format!("V{}\n", "x".repeat(1024)));
        for pickle in [format!("}}Va\n{}s.", named(2)), format!("}}(Va\n{}Vb\n{}u.", named(2), named(1))] {
            let message = little(&pickle, &[0; 4]).unwrap_err().to_string();
            assert!(message.contains("xxx...") && message.len() < 300, "{message}");
        }
    }

    #[test]
    fn a_stride_of_zero_does_not_expand_without_bound() {
        let pickle = |rows: u32| format!("}}Va\n{}s.", tensor(2, 0, &format!("I{rows}\nI2\n"), "I0\nI1\n"));
        assert!(little(&pickle(1000), &[0; 4]).is_ok());
        let error = little(&pickle(1 << 30), &[0; 4]).unwrap_err();
        assert!(matches!(error.kind, Kind::Limit { what: "bytes of tensors", .. }));
    }

    /// The file with all its entries deflated, as `zip -r` packs them.
    fn deflated(file: Cursor<Vec<u8>>) -> Cursor<Vec<u8>> {
        let mut stored = Archive::new(file).unwrap();
        let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
        let names: Vec<String> = stored.names().map(str::to_owned).collect();
        for name in names {
            let deflated = zip::write::SimpleFileOptions::default();
            let deflated = deflated.compression_method(zip::CompressionMethod::Deflated);
            zip.start_file(&name, deflated).unwrap();
            zip.write_all(&stored.read(&name, 1 << 30).unwrap()).unwrap();
        }
        zip.finish().unwrap()
    }

    #[test]
    fn deflated_storages_are_read_in_whole_elements() {
        let elements = 300_000;
        let pickle = format!("}}Va\n{}s.", tensor(elements, 0, &format!("I{elements}\n"), "I1\n"));
        let data: Vec<u8> =
            (0..2 * elements as u32).flat_map(|n| [(n.wrapping_mul(2_654_435_761) >> 24) as u8]).collect();
        let state = read(deflated(file(&pickle, b"little", &data))).unwrap();
        assert!(network(state)[0].2 == data);
        let swapped: Vec<u8> = data.as_chunks().0.iter().flat_map(|[a, b]| [*b, *a]).collect();
        assert!(network(read(deflated(file(&pickle, b"big", &swapped))).unwrap())[0].2 == data);
        let mut damaged = deflated(file(&pickle, b"little", &data)).into_inner();
        let at = damaged.len() / 2;
        damaged[at] ^= 1;
        assert!(read(Cursor::new(damaged)).is_err());
    }

    #[test]
    fn an_entry_without_a_checksum_is_read_and_one_with_a_wrong_one_is_not() {
        let mut bytes =
            file(&format!("}}Va\n{}s.", tensor(2, 0, "I2\n", "I1\n")), b"little", &[1, 0, 2, 0]).into_inner();
        let checksum = crc32fast::hash(&[1, 0, 2, 0]).to_le_bytes();
        let places: Vec<usize> =
            (0..bytes.len() - 4).filter(|at| bytes[*at..].starts_with(&checksum)).collect();
        assert_eq!(places.len(), 2, "in the local header and in the directory");
        let mut set = |checksum: [u8; 4]| {
            places.iter().for_each(|at| bytes[*at..*at + 4].copy_from_slice(&checksum));
            read(Cursor::new(bytes.clone()))
        };
        assert_eq!(network(set([0; 4]).unwrap())[0].2, [1, 0, 2, 0]);
        assert!(matches!(set([1, 0, 0, 0]).unwrap_err().kind, Kind::Corrupt(_)));
    }

    #[test]
    fn a_file_must_contain_exactly_one_pickle() {
        let archive = |names: &[&str]| {
            let mut archive = ArchiveWriter::new(Cursor::new(Vec::new()), Placement::Packed);
            names.iter().for_each(|name| archive.entry(name, b"}.").unwrap());
            archive.entry("any name/version", b"3").unwrap();
            read(archive.finish().unwrap()).map_err(|error| error.kind)
        };
        assert!(archive(&["any name/data.pkl"]).is_ok());
        assert!(matches!(archive(&["data.pkl", "a/b/data.pkl"]), Err(Kind::MissingEntry(_))));
        assert!(matches!(archive(&["a/data.pkl", "b/data.pkl"]), Err(Kind::Zip(_))));
    }
}
