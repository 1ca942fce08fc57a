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
            let length = usize::try_from(storage.bytes()).unwrap_or(usize::MAX);
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
                let bytes = outline.view.copy(bytes, outline.dtype.size())?;
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
            torch::{LEGACY_MAGIC, write},
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
        archive.finish().unwrap()
    }

    /// The pickle of an int16 tensor on a device, with this offset, shape and strides.
    fn tensor(elements: usize, offset: i64, shape: &str, strides: &str) -> String {
        let storage = format!("(Vstorage\nctorch\nShortStorage\nV0\nVcuda:0\nI{elements}\ntQ");
        format!("ctorch._utils\n_rebuild_tensor_v2\n({storage}I{offset}\n({shape}t({strides}tI01\nNtR")
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
    fn the_two_parts_of_a_complex_number_are_converted_separately() {
        let complex = tensor(1, 0, "", "").replace("Short", "ComplexFloat");
        let state = read(file(&format!("}}Va\n{complex}s."), b"big", &[0, 1, 2, 3, 4, 5, 6, 7])).unwrap();
        assert_eq!(network(state), [("a".into(), vec![], vec![3, 2, 1, 0, 7, 6, 5, 4])]);
    }

    #[test]
    fn tensors_that_share_a_storage_get_their_own_bytes() {
        let (whole, columns) = (tensor(4, 0, "I2\nI2\n", "I2\nI1\n"), tensor(4, 0, "I2\nI2\n", "I1\nI2\n"));
        let parameter = format!("ctorch._utils\n_rebuild_parameter\n({}I01\nNtR", tensor(4, 3, "", ""));
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
            assert_eq!(kind, Kind::Storage("storage \"0\" is used with two types or sizes".to_owned()));
        }
    }

    #[test]
    fn a_lazily_conjugated_or_negated_tensor_is_unsupported() {
        let with = |bit: &str, set: u8| {
            let metadata = format!("N}}V{bit}\nI0{set}\nstR");
            little(&format!("}}Va\n{}s.", tensor(2, 0, "", "").replace("NtR", &metadata)), &[0; 4])
        };
        for bit in ["conj", "neg"] {
            let what = format!("a tensor that is a lazy view ({bit})");
            assert_eq!(with(bit, 1).unwrap_err().kind, Kind::Unsupported(what));
            assert!(with(bit, 0).is_ok());
        }
        assert!(with("other", 1).is_ok());
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

    #[test]
    fn a_deflated_storage_is_unsupported() {
        let mut stored =
            Archive::new(file(&format!("}}Va\n{}s.", tensor(2, 0, "I2\n", "I1\n")), b"little", &[0; 4]))
                .unwrap();
        let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
        for name in ["m/data.pkl", "m/byteorder", "m/data/0"] {
            let deflated = zip::write::SimpleFileOptions::default();
            zip.start_file(name, deflated.compression_method(zip::CompressionMethod::Deflated)).unwrap();
            zip.write_all(&stored.read(name, 1000).unwrap()).unwrap();
        }
        let error = read(zip.finish().unwrap()).unwrap_err();
        assert!(
            matches!(error.kind, Kind::Unsupported(_)) && error.place.entry.as_deref() == Some("m/data/0")
        );
    }

    #[test]
    fn the_legacy_format_is_unsupported() {
        let bytes = [b"\x80\x02", LEGACY_MAGIC, b"\x80\x02M\xe9\x03."].concat();
        assert_eq!(read(Cursor::new(bytes)).unwrap_err().kind, Kind::LegacyTorch);
    }

    #[test]
    fn a_file_must_contain_exactly_one_pickle() {
        let archive = |names: &[&str]| {
            let mut archive = ArchiveWriter::new(Cursor::new(Vec::new()), Placement::Packed);
            names.iter().for_each(|name| archive.entry(name, b"}.").unwrap());
            read(archive.finish().unwrap()).map_err(|error| error.kind)
        };
        assert!(archive(&["any name/data.pkl"]).is_ok());
        assert!(matches!(archive(&["data.pkl", "a/b/data.pkl"]), Err(Kind::MissingEntry(_))));
        assert!(matches!(archive(&["a/data.pkl", "b/data.pkl"]), Err(Kind::Zip(_))));
    }
}
