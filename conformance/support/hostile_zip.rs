//! Broken and unsafe zip archives.

use bundleproof::bundle::nouns::Rule;

use crate::{
    Row,
    forge::{Field, Forge, Patched},
};

/// A further entry of four bytes in the valid bundle: the sixth.
const MORE: usize = 5;

pub(crate) fn rows() -> Vec<Row> {
    [names(), entries(), headers(), whole()].into_iter().flatten().collect()
}

fn more(name: &str) -> Patched {
    Patched::new(Forge::good().with(name, "more").zip())
}

/// The valid bundle with one more entry, renamed after it was written.
fn named(name: &str) -> Vec<u8> {
    let plain = "x".repeat(name.len());
    more(&plain).both(MORE, Field::NAME, name.as_bytes()).done()
}

fn names() -> Vec<Row> {
    let row =
        |name: &str, entry: &str, rule: Rule| Row::unreadable(name, named(entry), "LOD-014", rule, &[entry]);
    vec![
        row("a_name_that_leads_up", "../escaped.txt", Rule::UnsafeName),
        row("a_name_that_leads_up_from_inside", "a/../../b", Rule::UnsafeName),
        row("a_name_that_ends_up", "a/..", Rule::UnsafeName),
        row("an_absolute_name", "/tmp/escaped", Rule::UnsafeName),
        row("a_drive_letter", "C:escaped", Rule::UnsafeName),
        row("a_backslash", "a\\..\\b", Rule::UnsafeName),
        row("a_nul_in_a_name", "a\0b", Rule::UnsafeName),
        row("a_line_feed_in_a_name", "a\nb", Rule::UnsafeName),
        row("an_empty_component", "a//b", Rule::UnsafeName),
        row("a_dot_component", "a/./b", Rule::UnsafeName),
        row("an_entry_twice", "autoencoder/params.dill", Rule::DuplicateEntry),
        row("a_manifest_twice", "manifest.dill", Rule::DuplicateEntry),
        Row::unreadable(
            "a_name_of_a_kibibyte_and_more",
            named(&"x".repeat(1025)),
            "LOD-014",
            Rule::Limit,
            &["1025 bytes of entry name"],
        ),
    ]
}

fn entries() -> Vec<Row> {
    let mode = |mode: u32| more("more").central(MORE, 38, &(mode << 16).to_le_bytes()).done();
    vec![
        Row::unreadable(
            "a_symbolic_link",
            Forge::good().zip_with_link("link", "/etc/passwd"),
            "LOD-014",
            Rule::NotAFile,
            &["link", "120644"],
        ),
        Row::unreadable("a_device", mode(0o020_666), "LOD-014", Rule::NotAFile, &["more", "20666"]),
        Row::unreadable("a_pipe", mode(0o010_644), "LOD-014", Rule::NotAFile, &["more", "10644"]),
        Row::unreadable("a_socket", mode(0o140_755), "LOD-014", Rule::NotAFile, &["more", "140755"]),
        Row::unreadable(
            "an_encrypted_entry",
            more("more").both(MORE, Field::FLAGS, &[1, 0]).done(),
            "BUN-002",
            Rule::Encrypted,
            &["more"],
        ),
        Row::unreadable(
            "bzip2",
            more("more").both(MORE, Field::METHOD, &[12, 0]).done(),
            "BUN-002",
            Rule::Compression,
            &["more", "12"],
        ),
        Row::unreadable(
            "an_unknown_compression",
            more("more").both(MORE, Field::METHOD, &[77, 0]).done(),
            "BUN-002",
            Rule::Compression,
            &["more", "77"],
        ),
        Row::unreadable(
            "too_many_entries",
            of_entries(131_073),
            "LOD-014",
            Rule::Limit,
            &["131073 archive entries", "131072"],
        ),
    ]
}

/// An archive of so many empty entries.
fn of_entries(count: u32) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let stored = zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    (0..count).for_each(|number| zip.start_file(number.to_string(), stored).expect("an entry"));
    zip.finish().expect("an archive").into_inner()
}

fn headers() -> Vec<Row> {
    let deflated = || Forge::good().deflated().with("more", vec![7; 5000]);
    let patched = || Patched::new(deflated().zip());
    let bytes = |bytes: u32| patched().both(MORE, Field::BYTES, &bytes.to_le_bytes()).done();
    let first = |field: Field, value: &[u8]| Patched::new(Forge::good().zip()).local(0, field, value).done();
    let overlapping = Patched::new(Forge::good().zip()).central(4, 42, &[0; 4]).done();
    let changed = |entry: usize| {
        let patched = Patched::new(Forge::good().zip());
        let at = patched.data(entry);
        patched.flipped(at).done()
    };
    let damaged = {
        let patched = patched();
        let at = patched.data(MORE) + 5;
        patched.flipped(at).done()
    };
    vec![
        Row::unreadable(
            "a_header_with_another_name",
            first(Field::NAME, b"Manifest.dill"),
            "LOD-015",
            Rule::Zip,
            &["inconsisten"],
        ),
        Row::unreadable(
            "a_header_with_another_method",
            first(Field::METHOD, &[8, 0]),
            "LOD-015",
            Rule::Zip,
            &["inconsisten"],
        ),
        Row::unreadable(
            "a_header_with_another_size",
            first(Field::BYTES, &[1, 0, 0, 0]),
            "LOD-015",
            Rule::Zip,
            &["inconsisten"],
        ),
        Row::unreadable("overlapping_entries", overlapping, "LOD-015", Rule::Zip, &["inconsisten"]),
        Row::unreadable(
            "a_stored_entry_that_changes_its_size",
            more("more").both(MORE, Field::BYTES, &[9]).done(),
            "LOD-015",
            Rule::Corrupt,
            &["more"],
        ),
        Row::readable("an_entry_that_announces_too_little", bytes(4999), "LOD-015", Rule::Corrupt, &["more"]),
        Row::readable(
            "an_entry_that_announces_too_much",
            bytes(5001),
            "LOD-015",
            Rule::Corrupt,
            &["more", "5001"],
        ),
        Row::unreadable(
            "a_bomb",
            bytes(0x7fff_ffff),
            "LOD-014",
            Rule::Limit,
            &["more", "2147483647 bytes of a deflated entry"],
        ),
        Row::readable("a_changed_byte_of_deflated_data", damaged, "LOD-015", Rule::Corrupt, &["more"]),
        Row::unreadable(
            "a_changed_byte_of_the_manifest",
            changed(0),
            "LOD-015",
            Rule::Corrupt,
            &["manifest.dill"],
        ),
        Row::unreadable(
            "a_changed_byte_of_params",
            changed(2),
            "LOD-015",
            Rule::Corrupt,
            &["autoencoder/params.dill"],
        ),
        Row::unreadable(
            "compressed_bytes_past_the_end",
            more("more")
                .both(MORE, Field::COMPRESSED, &[0xff, 0xff, 0xff])
                .both(MORE, Field::BYTES, &[0xff, 0xff, 0xff])
                .done(),
            "LOD-015",
            Rule::Zip,
            &["inconsisten"],
        ),
    ]
}

fn whole() -> Vec<Row> {
    let good = Forge::good().zip();
    let cut = |bytes: usize| good[..bytes].to_vec();
    let end = |offset: usize, value: &[u8]| Patched::new(Forge::good().zip()).end(offset, value).done();
    let unlisted = {
        // The last entry is removed from the directory but not from the file.
        let all = more("more").done();
        let fewer = Patched::new(all.clone());
        let directory = all.len() - 22 - (46 + 4);
        [&all[..directory], &all[all.len() - 22..]].concat();
        let bytes = (directory - usize_at(&all, all.len() - 22 + 16)) as u32;
        let spoiled = fewer.end(8, &[5, 0, 5, 0]).end(12, &bytes.to_le_bytes()).done();
        [&spoiled[..directory], &spoiled[spoiled.len() - 22..]].concat()
    };
    vec![
        Row::unreadable("nothing", Vec::new(), "LOD-015", Rule::Zip, &["found an empty file"]),
        Row::unreadable(
            "text",
            b"these are no weights at all, sorry".to_vec(),
            "LOD-015",
            Rule::Zip,
            &["expected a zip archive, found text"],
        ),
        Row::unreadable("half_an_archive", cut(good.len() / 2), "LOD-015", Rule::Zip, &["central directory"]),
        Row::unreadable(
            "an_archive_without_its_last_byte",
            cut(good.len() - 1),
            "LOD-015",
            Rule::Zip,
            &["central directory"],
        ),
        Row::unreadable(
            "a_byte_behind_the_end",
            [good.as_slice(), b"x"].concat(),
            "LOD-015",
            Rule::UnlistedBytes,
            &["1 unlisted byte behind the archive"],
        ),
        Row::unreadable(
            "a_byte_before_the_start",
            [b"x", good.as_slice()].concat(),
            "LOD-015",
            Rule::Zip,
            &["1 byte precedes the archive"],
        ),
        Row::unreadable(
            "two_archives_in_one",
            [good.as_slice(), &good].concat(),
            "LOD-015",
            Rule::Zip,
            &["two archives, one behind the other; the second begins at byte"],
        ),
        Row::unreadable(
            "one_of_several_volumes",
            end(4, &[1, 0, 1, 0]),
            "LOD-015",
            Rule::Zip,
            &["multi-volume"],
        ),
        Row::unreadable(
            "more_entries_than_announced",
            end(8, &[4, 0, 4, 0]),
            "LOD-015",
            Rule::Zip,
            &["longer than its entries"],
        ),
        Row::unreadable(
            "fewer_entries_than_announced",
            end(8, &[6, 0, 6, 0]),
            "LOD-015",
            Rule::Zip,
            &["truncated"],
        ),
        Row::unreadable(
            "an_entry_that_is_not_listed",
            unlisted,
            "LOD-015",
            Rule::Zip,
            &["missing from central directory"],
        ),
    ]
}

fn usize_at(bytes: &[u8], at: usize) -> usize {
    bytes[at..at + 4].iter().rev().fold(0, |all, byte| all << 8 | usize::from(*byte))
}
