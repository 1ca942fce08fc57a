//! Text that is not UTF-8: with surrogates that have no partner.
//!
//! Python reads names of files that are not UTF-8 as such text, and pickles it with each surrogate in the three bytes that
//! UTF-8 would have for its number ("surrogatepass").

/// The code points of text in UTF-8 in which surrogates may occur; `None` for any other bytes.
pub(super) fn code_points(mut bytes: &[u8]) -> Option<Vec<u32>> {
    let mut text = Vec::new();
    while let Some(chunk) = bytes.utf8_chunks().next() {
        text.extend(chunk.valid().chars().map(u32::from));
        bytes = bytes.get(chunk.valid().len()..)?;
        if let Some((three, rest)) = bytes.split_first_chunk() {
            text.push(surrogate(*three)?);
            bytes = rest;
        } else if !bytes.is_empty() {
            return None;
        }
    }
    Some(text)
}

fn surrogate(bytes: [u8; 3]) -> Option<u32> {
    match bytes.map(u32::from) {
        [0xed, second @ 0xa0..=0xbf, third @ 0x80..=0xbf] => {
            Some(0xd000 | (second & 0x3f) << 6 | (third & 0x3f))
        }
        _ => None,
    }
}

/// Characters for private use, each of which takes the place of a surrogate while a path is put together.
const STAND_INS: u32 = 0x10_f000;
const SURROGATES: std::ops::RangeInclusive<u32> = 0xd800..=0xdfff;

/// The text with characters for private use in the place of surrogates; `None` if it has such characters itself.
pub(super) fn with_stand_ins(code_points: &[u32]) -> Option<String> {
    let stand_in = |code: u32| {
        if SURROGATES.contains(&code) {
            char::from_u32(code - SURROGATES.start() + STAND_INS)
        } else {
            char::from_u32(code).filter(|c| surrogate_for(*c) == code)
        }
    };
    code_points.iter().map(|code| stand_in(*code)).collect()
}

/// The code points of a text from [`with_stand_ins`].
pub(super) fn without_stand_ins(text: &str) -> impl Iterator<Item = u32> + Clone + '_ {
    text.chars().map(surrogate_for)
}

fn surrogate_for(c: char) -> u32 {
    let code = u32::from(c);
    let surrogate = code.checked_sub(STAND_INS).map(|offset| SURROGATES.start() + offset);
    surrogate.filter(|surrogate| SURROGATES.contains(surrogate)).unwrap_or(code)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn surrogates_are_read_between_other_characters() {
        let points = |bytes: &[u8]| code_points(bytes);
        assert_eq!(points(b""), Some(vec![]));
        assert_eq!(points("aé🙂".as_bytes()), Some(vec![0x61, 0xe9, 0x1f642]));
        assert_eq!(points(b"a\xed\xb3\xbf\xed\xa0\x80b"), Some(vec![0x61, 0xdcff, 0xd800, 0x62]));
        // A pair that was pickled as two surrogates stays two of them, as in Python.
        assert_eq!(points(b"\xed\xa0\xbd\xed\xb8\x80"), Some(vec![0xd83d, 0xde00]));
    }

    #[test]
    fn other_bytes_are_not_text() {
        for bytes in
            [&b"\xff"[..], b"\xed\xa0", b"\xed\xc0\x80", b"\xc0\x80a", b"a\xed\xb3\xbf\xed", b"\xe2\x82"]
        {
            assert_eq!(code_points(bytes), None, "{bytes:x?}");
        }
    }

    #[test]
    fn stand_ins_keep_every_surrogate_apart() {
        let points: Vec<u32> = [0x61, 0xdcff, 0xd800, 0xdfff, 0x10_efff, 0x10_f800].to_vec();
        let text = with_stand_ins(&points).unwrap();
        assert!(without_stand_ins(&text).eq(points));
        assert_eq!(with_stand_ins(&[0x10_f000]), None);
        assert_eq!(with_stand_ins(&[0x10_f7ff]), None);
    }
}
