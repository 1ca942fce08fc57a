//! Turns the pieces of storages into the elements of tensors.

use crate::torch_files::{
    Dtype, FormatError,
    torch::{ElementVisitor, NetworkOutline, StorageOutline, TensorOutline},
};

/// Receives the elements of tensors.
pub(super) trait TensorElements {
    /// The number of tensors that follow. A second call means that all elements so far must be discarded.
    fn begin(&mut self, tensors: usize);

    /// Further little-endian bytes of the tensor with this index. A tensor without elements gets no call.
    fn elements(&mut self, tensor: usize, dtype: Dtype, bytes: &[u8]);
}

/// Passes on the elements of each tensor in the tensor's own order. A tensor that is contiguous in its storage is passed
/// on while the storage is read; for any other tensor the whole storage is buffered first.
pub(super) struct TensorStream<T, W> {
    pub(super) to: T,
    /// Whether the storage with this index is wanted.
    wanted: W,
    routes: Vec<Route>,
}

/// The tensors of one storage.
struct Route {
    bytes: u64,
    dtype: Dtype,
    /// Start and end in bytes, and index, of contiguous tensors, sorted by start.
    rows: Vec<(u64, u64, usize)>,
    /// The number of `rows` that have begun.
    begun: usize,
    /// The rows that have begun and not ended.
    open: Vec<(u64, u64, usize)>,
    /// The tensors that need the whole storage.
    others: Vec<(usize, TensorOutline)>,
    kept: Vec<u8>,
}

impl Route {
    fn new(bytes: u64, dtype: Dtype) -> Self {
        Self {
            bytes,
            dtype,
            rows: Vec::new(),
            begun: 0,
            open: Vec::new(),
            others: Vec::new(),
            kept: Vec::new(),
        }
    }
}

impl<T: TensorElements, W: Fn(usize) -> bool> TensorStream<T, W> {
    pub(super) fn new(to: T, wanted: W) -> Self {
        Self { to, wanted, routes: Vec::new() }
    }
}

impl<T: TensorElements, W: Fn(usize) -> bool> ElementVisitor for TensorStream<T, W> {
    fn begin(&mut self, network: &NetworkOutline) -> Result<(), FormatError> {
        self.to.begin(network.tensors.len());
        let route = |storage: &StorageOutline| Route::new(storage.bytes, storage.dtype);
        self.routes = network.storages.iter().map(route).collect();
        // The offset of an empty tensor is meaningless and may lie outside of the storage.
        let shown = network.tensors.values().enumerate().filter(|(_, tensor)| tensor.elements() > 0);
        for (index, tensor) in shown {
            let Some(route) = self.routes.get_mut(tensor.storage) else { continue };
            let size = tensor.dtype.size() as u64;
            match tensor.row() {
                Some(row) => route.rows.push((row.start as u64 * size, row.end as u64 * size, index)),
                None => route.others.push((index, tensor.clone())),
            }
        }
        self.routes.iter_mut().for_each(|route| route.rows.sort_unstable());
        Ok(())
    }

    fn piece(&mut self, storage: usize, offset: u64, bytes: &[u8]) -> Result<(), FormatError> {
        let wanted = (self.wanted)(storage);
        let Some(route) = self.routes.get_mut(storage).filter(|_| wanted) else { return Ok(()) };
        let end = offset + bytes.len() as u64;
        while let Some(row) = route.rows.get(route.begun).filter(|(first, _, _)| *first < end) {
            route.open.push(*row);
            route.begun += 1;
        }
        for (first, last, tensor) in &route.open {
            let here = |at: u64| usize::try_from(at.clamp(offset, end) - offset).unwrap_or(bytes.len());
            if let Some(own) = bytes.get(here(*first)..here(*last)).filter(|own| !own.is_empty()) {
                self.to.elements(*tensor, route.dtype, own);
            }
        }
        route.open.retain(|(_, last, _)| *last > end);
        if !route.others.is_empty() {
            route.kept.extend_from_slice(bytes);
            if end == route.bytes {
                for (tensor, outline) in std::mem::take(&mut route.others) {
                    let own = outline.copy(&route.kept).unwrap_or_default();
                    self.to.elements(tensor, route.dtype, &own);
                }
                route.kept = Vec::new();
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::io::{Cursor, Write as _};

    use super::*;
    use crate::{
        bundle::files::read_bundle,
        torch_files::{
            ModelState,
            torch::{scan, write},
        },
    };

    #[derive(Default)]
    struct Shown(Vec<(Option<Dtype>, Vec<u8>)>);

    impl TensorElements for Shown {
        fn begin(&mut self, tensors: usize) {
            self.0 = vec![(None, Vec::new()); tensors];
        }

        fn elements(&mut self, tensor: usize, dtype: Dtype, bytes: &[u8]) {
            let (seen, elements) = &mut self.0[tensor];
            assert!(seen.replace(dtype).is_none_or(|seen| seen == dtype));
            elements.extend_from_slice(bytes);
        }
    }

    #[test]
    fn every_tensor_gets_its_own_elements() {
        // Written by PyTorch: shared storages, views, transposed and expanded ones, empty and 0-d tensors.
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/bundles/dtypes");
        let mut archive = crate::torch_files::zip::Archive::open(&folder.join("wts.h5.zip")).unwrap();
        let file = archive.read("autoencoder/model.pth", 1 << 30).unwrap();
        let bundle = read_bundle(&folder.join("wts.h5.zip")).unwrap();
        let ModelState::Network(tensors) = &bundle.models["autoencoder"].state else { unreachable!() };
        let mut tensor_stream = TensorStream::new(Shown::default(), |_| true);
        scan(Cursor::new(&file), &mut tensor_stream).unwrap();
        assert_eq!(tensor_stream.to.0.len(), tensors.len());
        for ((name, tensor), (dtype, shown)) in tensors.iter().zip(&tensor_stream.to.0) {
            assert!(tensor.data() == shown, "{name}");
            assert_eq!(dtype.unwrap_or(tensor.dtype()), tensor.dtype(), "{name}");
        }
    }

    #[test]
    fn an_empty_tensor_may_begin_anywhere() {
        // PyTorch keeps the offset of an empty slice, and an untrusted file may contain any number.
        let pickle = "}Va\nctorch._utils\n_rebuild_tensor_v2\n((Vstorage\nctorch\nDoubleStorage\nV0\nVcpu\nI0\n\
            tQL9223372036854775807L\n(I0\nt(I1\ntI00\nNtRs.";
        let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
        for (name, bytes) in [("m/data.pkl", pickle), ("m/data/0", ""), ("m/version", "3")] {
            let stored = zip::write::SimpleFileOptions::default();
            zip.start_file(name, stored.compression_method(zip::CompressionMethod::Stored)).unwrap();
            zip.write_all(bytes.as_bytes()).unwrap();
        }
        let mut tensor_stream = TensorStream::new(Shown::default(), |_| true);
        scan(zip.finish().unwrap(), &mut tensor_stream).unwrap();
        assert_eq!(tensor_stream.to.0, [(None, vec![])]);
    }

    #[test]
    fn an_unwanted_storage_is_skipped() {
        let tensor = crate::torch_files::Tensor::new(Dtype::Uint8, vec![2], vec![1, 2]).unwrap();
        let tensors = ["a", "b"].map(|name| (name.to_owned(), tensor.clone()));
        let mut file = Cursor::new(Vec::new());
        write(&ModelState::Network(tensors.into_iter().collect()), &mut file).unwrap();
        let mut tensor_stream = TensorStream::new(Shown::default(), |storage| storage == 1);
        scan(file, &mut tensor_stream).unwrap();
        assert_eq!(tensor_stream.to.0, [(None, vec![]), (Some(Dtype::Uint8), vec![1, 2])]);
    }
}
