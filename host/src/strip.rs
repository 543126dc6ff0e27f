//! The stripped copy of the kernel that is booted. A loader needs the file header, the program headers and the segments;
//! the linker puts all three at the front of the file, so stripping is cutting the file off behind the last segment.

use anyhow::{Result, ensure};
use object::Endianness;
use object::elf::{FileHeader64, ProgramHeader64};
use object::read::elf::{FileHeader, ProgramHeader};

/// Offset of `e_shoff` in a 64-bit ELF header, and of the section counts at its end (`e_shnum`, `e_shstrndx`).
const SECTION_OFFSET: usize = 0x28;
const SECTION_COUNTS: usize = 0x3c;

/// `elf` without sections, symbols and debug information. Fails when it is not a 64-bit little-endian ELF file.
pub fn strip(elf: &[u8]) -> Result<Vec<u8>> {
    let header = FileHeader64::<Endianness>::parse(elf)?;
    let endian = header.endian()?;
    let segments: &[ProgramHeader64<Endianness>] = header.program_headers(endian, elf)?;
    let headers_end = header.e_phoff.get(endian).saturating_add(size_of_val(segments) as u64);
    let ends = segments.iter().map(|segment| segment.p_offset(endian).saturating_add(segment.p_filesz(endian)));
    let end = usize::try_from(ends.fold(headers_end, u64::max))?;
    ensure!(end <= elf.len(), "a segment lies behind the end of the file");
    let mut stripped = elf[..end].to_vec();
    stripped[SECTION_OFFSET..SECTION_OFFSET + 8].fill(0);
    stripped[SECTION_COUNTS..SECTION_COUNTS + 4].fill(0);
    Ok(stripped)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_segments_and_drops_sections() {
        let elf = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        let stripped = strip(&elf).unwrap();
        assert!(stripped.len() < elf.len());
        let header = FileHeader64::<Endianness>::parse(&*stripped).unwrap();
        let endian = header.endian().unwrap();
        assert_eq!(header.e_shnum(endian), 0);
        for segment in header.program_headers(endian, &*stripped).unwrap() {
            assert!(segment.data(endian, &*stripped).is_ok());
        }
    }

    #[test]
    fn refuses_what_is_no_elf() {
        assert!(strip(b"#!/bin/sh\n").is_err());
    }
}
