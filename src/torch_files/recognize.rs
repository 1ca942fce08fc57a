//! Recognizes what a file is by its first bytes.

use super::{OtherFormat, pickle::begins_a_pickle};

impl OtherFormat {
    /// What begins with these bytes: the first 512, or all of a shorter file. None for what is not known.
    pub fn of(first: &[u8]) -> Option<Self> {
        if first.is_empty() {
            return Some(Self::Empty);
        }
        // Before the short signatures: the length of the header may have any bytes.
        let header = first.first_chunk().map(|length| u64::from_le_bytes(*length));
        if header.is_some_and(|length| length <= MAX_SAFETENSORS_HEADER) && first.get(8) == Some(&b'{') {
            return Some(Self::Safetensors);
        }
        // A zip archive, of which perhaps nothing else is left.
        if first.starts_with(b"PK") {
            return None;
        }
        let begins = |(at, bytes, _): &&(usize, &[u8], Self)| {
            first.get(*at..).is_some_and(|rest| rest.starts_with(bytes))
        };
        if let Some((_, _, format)) = SIGNATURES.iter().find(begins) {
            return Some(*format);
        }
        if first.iter().all(|byte| *byte == 0) {
            return Some(Self::Zeros);
        }
        if begins_a_pickle(first) {
            return Some(Self::Pickle);
        }
        if is_onnx(first) { Some(Self::Onnx) } else { Self::of_text(first) }
    }

    fn of_text(first: &[u8]) -> Option<Self> {
        let text = match std::str::from_utf8(first) {
            Ok(text) => text,
            // The last character may be cut off.
            Err(error) if error.error_len().is_none() => {
                std::str::from_utf8(first.get(..error.valid_up_to())?).ok()?
            }
            Err(_) => return None,
        };
        if text.chars().any(|one| one.is_control() && !matches!(one, '\n' | '\r' | '\t' | '\u{c}')) {
            return None;
        }
        let text = text.trim_start_matches('\u{feff}').trim();
        let begins = |word: &str| text.get(..word.len()).is_some_and(|own| own.eq_ignore_ascii_case(word));
        let is_base64 = |one: char| one.is_ascii_alphanumeric() || "+/=-_\r\n".contains(one);
        Some(if begins("<!doctype html") || begins("<html") {
            Self::Html
        } else if text.starts_with(['{', '[']) {
            Self::Json
        } else if text.len() >= MIN_BASE64_CHARS && text.chars().all(is_base64) {
            Self::Base64
        } else {
            Self::Text
        })
    }
}

/// The longest header of a safetensors file, in bytes: what its readers accept.
const MAX_SAFETENSORS_HEADER: u64 = 100_000_000;

/// The fewest characters that are taken for base64 and not for a word.
const MIN_BASE64_CHARS: usize = 16;

/// Formats that begin with certain bytes at an offset.
const SIGNATURES: &[(usize, &[u8], OtherFormat)] = &[
    (0, b"version https://git-lfs.github.com/spec/", OtherFormat::LfsPointer),
    (0, b"7z\xbc\xaf\x27\x1c", OtherFormat::SevenZip),
    (0, b"Rar!\x1a\x07", OtherFormat::Rar),
    (257, b"ustar", OtherFormat::Tar),
    (0, b"\x1f\x8b", OtherFormat::Gzip),
    (0, b"\xfd7zXZ\0", OtherFormat::Xz),
    (0, b"\x28\xb5\x2f\xfd", OtherFormat::Zstd),
    (0, b"BZh", OtherFormat::Bzip2),
    (0, b"\x89HDF\r\n\x1a\n", OtherFormat::Hdf5),
    (0, b"\x93NUMPY", OtherFormat::Npy),
    // The number that a file of torch before 1.6 begins with; its length is 10 bytes, which is a line feed.
    (0, b"\x80\x02\x8a\r\nl\xfc\x9cF\xf9", OtherFormat::ConvertedLines),
    (0, b"\x78\x01", OtherFormat::Zlib),
    (0, b"\x78\x5e", OtherFormat::Zlib),
    (0, b"\x78\x9c", OtherFormat::Zlib),
    (0, b"\x78\xda", OtherFormat::Zlib),
    (0, b"GGUF", OtherFormat::Gguf),
    (4, b"TFL3", OtherFormat::TfLite),
    (0, b"MATLAB 5.0 MAT-file", OtherFormat::Matlab),
    (0, b"MATLAB 7.3 MAT-file", OtherFormat::Matlab),
];

/// The longest name of the program that wrote a model of ONNX, in bytes.
const MAX_PRODUCER_BYTES: usize = 64;

/// Whether bytes begin a model of ONNX, which has no signature: its version, and the name of the program that wrote it.
fn is_onnx(first: &[u8]) -> bool {
    let [0x08, 1..=0x7f, 0x12, length, rest @ ..] = first else { return false };
    let producer = rest.get(..usize::from(*length)).unwrap_or_default();
    (1..=MAX_PRODUCER_BYTES).contains(&producer.len()) && producer.iter().all(u8::is_ascii_graphic)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::torch_files::other_format::TELLING_BYTES;

    #[rstest]
    #[case::empty(b"", OtherFormat::Empty)]
    #[case::pointer(
        b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12\n",
        OtherFormat::LfsPointer
    )]
    #[case::page(b"\n  <!DOCTYPE HTML><html>", OtherFormat::Html)]
    #[case::page_without_a_type(b"\xef\xbb\xbf<html lang=en>", OtherFormat::Html)]
    #[case::object(b" {\"N\": 64}", OtherFormat::Json)]
    #[case::list(b"[1, 2", OtherFormat::Json)]
    #[case::base64(b"gASVkQAAAAAAAAB9lCiMAU6US0CMCGdyaWRz\n", OtherFormat::Base64)]
    #[case::word(b"missing", OtherFormat::Text)]
    #[case::sentence("Größe: nicht gefunden\r\n".as_bytes(), OtherFormat::Text)]
    #[case::cut_inside_a_character(b"Gr\xc3\xb6\xc3", OtherFormat::Text)]
    #[case::seven_zip(b"7z\xbc\xaf\x27\x1c\x00\x04", OtherFormat::SevenZip)]
    #[case::gzip(b"\x1f\x8b\x08\x00", OtherFormat::Gzip)]
    #[case::hdf5(b"\x89HDF\r\n\x1a\n\x00", OtherFormat::Hdf5)]
    #[case::npy(b"\x93NUMPY\x01\x00", OtherFormat::Npy)]
    #[case::safetensors(b"\x40\x00\x00\x00\x00\x00\x00\x00{\"a\"", OtherFormat::Safetensors)]
    #[case::pickle(b"\x80\x04\x95\x10", OtherFormat::Pickle)]
    #[case::pickle_without_a_signature(b"cposix\nsystem\n(S'id'\ntR.", OtherFormat::Pickle)]
    #[case::header_like_a_pickle(b"\x80\x02\0\0\0\0\0\0{\"a\"", OtherFormat::Safetensors)]
    #[case::zeros(&[0; 9], OtherFormat::Zeros)]
    #[case::zlib(b"\x78\x9c\x03\x00", OtherFormat::Zlib)]
    #[case::gguf(b"GGUF\x03\0\0\0", OtherFormat::Gguf)]
    #[case::onnx(b"\x08\x08\x12\x07pytorch\x1a\x05", OtherFormat::Onnx)]
    #[case::tflite(b"\x1c\0\0\0TFL3\0", OtherFormat::TfLite)]
    #[case::matlab(b"MATLAB 5.0 MAT-file, Platform: GLNXA64", OtherFormat::Matlab)]
    #[case::converted(b"\x80\x02\x8a\r\nl\xfc\x9cF\xf9 j\xa8P\x19.", OtherFormat::ConvertedLines)]
    fn a_file_is_recognized_by_its_first_bytes(#[case] first: &[u8], #[case] expected: OtherFormat) {
        assert_eq!(OtherFormat::of(first), Some(expected));
    }

    #[test]
    fn a_tar_archive_is_recognized_by_its_second_field() {
        let mut header = [0; TELLING_BYTES];
        header[..4].copy_from_slice(b"a/b\0");
        header[257..262].copy_from_slice(b"ustar");
        assert_eq!(OtherFormat::of(&header), Some(OtherFormat::Tar));
    }

    #[rstest]
    #[case::zip(b"PK\x03\x04\x14\x00")]
    #[case::noise(b"\x00\x01\x02\xff")]
    #[case::long_header(b"\xff\xff\xff\xff\xff\xff\xff\x7f{")]
    #[case::newer_pickle(b"\x80\x06")]
    fn anything_else_is_not_known(#[case] first: &[u8]) {
        assert_eq!(OtherFormat::of(first), None);
    }
}
