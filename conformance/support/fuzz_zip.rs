//! Zip archives of a few entries, made quickly and in any of the ways in which writers make them.

/// One entry.
pub(crate) struct Entry<'a> {
    pub(crate) name: &'a str,
    pub(crate) bytes: &'a [u8],
    /// Whether it is deflated; nothing gets smaller by it, because fuzzing has no time for that.
    pub(crate) deflated: bool,
}

/// A well-formed archive of these entries. `followed`: sizes and checksum stand after the data, as in a stream;
/// `end_64`: there is a 64-bit end record although nothing needs it. PyTorch does both.
pub(crate) fn zip(entries: &[Entry<'_>], followed: bool, end_64: bool) -> Vec<u8> {
    let (mut file, mut directory) = (Vec::new(), Vec::new());
    for entry in entries {
        let deflated = entry.deflated.then(|| deflate(entry.bytes));
        let data = deflated.as_deref().unwrap_or(entry.bytes);
        let sizes =
            [crc32fast::hash(entry.bytes), length(data), length(entry.bytes)].map(u32::to_le_bytes).concat();
        let flags = if followed { 8_u16 } else { 0 };
        let method = if entry.deflated { 8_u16 } else { 0 };
        let start = [[20, 0], flags.to_le_bytes(), method.to_le_bytes(), [0, 0], [0x21, 0]].concat();
        let name_length = (entry.name.len() as u16).to_le_bytes();
        directory.extend([&b"PK\x01\x02\x14\x00"[..], &start, &sizes, &name_length, &[0; 12]].concat());
        directory.extend(length(&file).to_le_bytes());
        directory.extend(entry.name.as_bytes());
        let before = if followed { [0; 12].to_vec() } else { sizes.clone() };
        file.extend([&b"PK\x03\x04"[..], &start, &before, &name_length, &[0; 2]].concat());
        file.extend(entry.name.as_bytes());
        file.extend(data);
        if followed {
            file.extend([&b"PK\x07\x08"[..], &sizes].concat());
        }
    }
    let (count, start, bytes) = (entries.len() as u16, length(&file), length(&directory));
    file.extend(directory);
    if end_64 {
        let at = u64::from(length(&file)).to_le_bytes();
        file.extend(b"PK\x06\x06\x2c\0\0\0\0\0\0\0\x2d\0\x2d\0\0\0\0\0\0\0\0\0");
        for field in [count.into(), count.into(), bytes, start] {
            file.extend(u64::from(field).to_le_bytes());
        }
        file.extend([&b"PK\x06\x07\0\0\0\0"[..], &at, &[1, 0, 0, 0]].concat());
    }
    file.extend([&b"PK\x05\x06\0\0\0\0"[..], &count.to_le_bytes(), &count.to_le_bytes()].concat());
    file.extend([bytes.to_le_bytes(), start.to_le_bytes()].concat());
    file.extend([0; 2]);
    file
}

fn length(bytes: &[u8]) -> u32 {
    bytes.len() as u32
}

/// Deflate as it looks when nothing can be saved: blocks that say how many bytes follow.
fn deflate(bytes: &[u8]) -> Vec<u8> {
    let blocks = bytes.chunks(usize::from(u16::MAX));
    let mut deflated: Vec<u8> = Vec::with_capacity(bytes.len() + 16);
    for block in blocks {
        let length = block.len() as u16;
        deflated.push(0);
        deflated.extend([length.to_le_bytes(), (!length).to_le_bytes()].concat());
        deflated.extend(block);
    }
    // An empty last block, so that it need not be known which one is the last.
    deflated.extend([1, 0, 0, 0xff, 0xff]);
    deflated
}
