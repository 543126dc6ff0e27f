//! The table of function names that is put into the kernel's image, so that the kernel can name the functions of a backtrace by
//! itself. `kernel/arch/src/symbols.rs` reads it and says how it is laid out.
//!
//! Names are shortened, because a backtrace wants a line for each function and the image wants to be small: generic arguments go, and
//! in `<Type as Trait>::method` the modules of both.

use anyhow::{Context, Result, ensure};
use object::elf::{FileHeader64, PT_LOAD, ProgramHeader64};
use object::read::elf::{FileHeader, ProgramHeader};
use object::{Endianness, Object, ObjectSection, ObjectSymbol, SymbolKind};

/// Functions in a block of the table.
const BLOCK: usize = 16;
/// Longest name, in bytes: the reader has a buffer of this size.
const LONGEST: usize = 120;
/// The section in front of the table.
const SECTION: &str = ".symbols";
/// Bytes of what the linker puts there: the table's length.
const LENGTH: usize = 8;
/// Offsets of `p_filesz` and `p_memsz` in a 64-bit program header.
const SIZE_IN_FILE: usize = 32;
const SIZE_IN_MEMORY: usize = 40;

/// The table for this kernel and the address of the section that it belongs into; none if the kernel has no such section.
pub fn table(elf: &[u8]) -> Result<Option<(u64, Vec<u8>)>> {
    let file = object::File::parse(elf)?;
    let (Some(section), Some(text)) = (file.section_by_name(SECTION), file.section_by_name(".text")) else { return Ok(None) };
    let base = file.symbols().find(|symbol| symbol.name() == Ok("KERNEL_BASE")).context("the kernel has no KERNEL_BASE")?.address();
    let code = text.address()..text.address() + text.size();
    // Labels of assembly code have no kind.
    let functions = file.symbols().filter(|symbol| matches!(symbol.kind(), SymbolKind::Text | SymbolKind::Unknown | SymbolKind::Label));
    let mut named = Vec::new();
    for symbol in functions.filter(|symbol| symbol.is_definition() && code.contains(&symbol.address())) {
        let name = addr2line::demangle_auto(symbol.name()?.into(), None);
        named.push((u32::try_from(symbol.address() - base)?, shorten(&name)));
    }
    Ok(Some((section.address(), encode(named))))
}

/// Appends the table of `elf` to its stripped copy, whose last segment (nothing but the length of the table, zero so far) it lengthens.
pub fn append(elf: &[u8], stripped: &mut Vec<u8>) -> Result<()> {
    let Some((address, table)) = table(elf)? else { return Ok(()) };
    let header = FileHeader64::<Endianness>::parse(elf)?;
    let endian = header.endian()?;
    let segments = header.program_headers(endian, elf)?;
    let found = segments.iter().position(|segment| segment.p_type(endian) == PT_LOAD && segment.p_vaddr(endian) == address);
    let number = found.context("no segment begins with the names")?;
    let place = segments[number].p_offset(endian) as usize;
    ensure!(place + LENGTH == stripped.len(), "the names' segment is not the last one");
    stripped[place..].copy_from_slice(&(table.len() as u64).to_le_bytes());
    stripped.extend(&table);
    let size = ((LENGTH + table.len()) as u64).to_le_bytes();
    let entry = header.e_phoff.get(endian) as usize + number * size_of::<ProgramHeader64<Endianness>>();
    for field in [SIZE_IN_FILE, SIZE_IN_MEMORY] {
        stripped[entry + field..entry + field + 8].copy_from_slice(&size);
    }
    Ok(())
}

/// The bytes of a table: functions with their offsets from the image's base.
fn encode(mut functions: Vec<(u32, String)>) -> Vec<u8> {
    // Identical functions are merged by the linker: the shortest name of a place stands for all.
    functions.sort_by(|(a, a_name), (b, b_name)| (a, a_name.len(), a_name).cmp(&(b, b_name.len(), b_name)));
    functions.dedup_by_key(|(offset, _)| *offset);
    let (mut index, mut entries) = (Vec::new(), Vec::new());
    for block in functions.chunks(BLOCK) {
        let mut before = (block[0].0, "");
        index.extend(before.0.to_le_bytes());
        index.extend((entries.len() as u32).to_le_bytes());
        for (offset, name) in block {
            let shared = before.1.bytes().zip(name.bytes()).take_while(|(a, b)| a == b).count();
            push_number(&mut entries, offset - before.0);
            entries.extend([shared as u8, (name.len() - shared) as u8]);
            entries.extend(&name.as_bytes()[shared..]);
            before = (*offset, name);
        }
    }
    let mut table = (functions.len().div_ceil(BLOCK) as u32).to_le_bytes().to_vec();
    table.extend(index);
    table.extend(entries);
    table
}

/// LEB128.
fn push_number(bytes: &mut Vec<u8>, mut number: u32) {
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

/// A function's name without what makes it long.
fn shorten(name: &str) -> String {
    let name = name.split(".llvm.").next().unwrap_or(name);
    let is_word = |letter: char| letter.is_alphanumeric() || letter == '_';
    let mut short = String::new();
    // How deep in `<Type as Trait>`, and in generic arguments, which are left out.
    let (mut qualified, mut left_out) = (0, 0);
    let mut before = ' ';
    for (at, letter) in name.char_indices() {
        match letter {
            '<' if left_out > 0 => left_out += 1,
            '<' if short.ends_with("::") => {
                short.truncate(short.len() - 2);
                left_out = 1;
            }
            '<' if is_word(before) => left_out = 1,
            // The end of an arrow isn't that of a list.
            '>' if before == '-' => {
                if left_out == 0 {
                    short.push('>');
                }
            }
            '>' if left_out > 0 => left_out -= 1,
            _ if left_out > 0 => {}
            ':' if qualified > 0 && name[at..].starts_with("::") && !name[at + 2..].starts_with(['<', '{']) => {
                short.truncate(short.trim_end_matches(is_word).len());
            }
            ':' if qualified > 0 && before == ':' && !short.ends_with(':') => {}
            _ => {
                qualified += usize::from(letter == '<');
                qualified -= usize::from(letter == '>' && qualified > 0);
                short.push(letter);
            }
        }
        before = letter;
    }
    let end = (0..=LONGEST).rev().find(|&end| short.is_char_boundary(end)).unwrap_or(0);
    short.truncate(end);
    short
}

#[cfg(test)]
mod tests {
    use arch::backtrace::symbols::{self, Symbols};

    use super::*;

    #[test]
    fn names_become_short() {
        assert_eq!(shorten("kernel::crash::inner"), "kernel::crash::inner");
        assert_eq!(shorten("<core::option::Option<u8> as core::fmt::Debug>::fmt"), "<Option as Debug>::fmt");
        assert_eq!(shorten("a::b::<c::D<e::F>>::{closure#0}"), "a::b::{closure#0}");
        assert_eq!(shorten("a::b::<fn(u8) -> c::D>::g.llvm.123"), "a::b::g");
        assert_eq!(shorten("<&[u8] as x::Y>::z"), "<&[u8] as Y>::z");
        assert!(shorten(&"ü".repeat(200)).len() <= LONGEST);
    }

    #[test]
    fn the_kernel_finds_what_was_written() {
        let functions: Vec<(u32, String)> = (0..100).map(|number| (1000 + number * 300, format!("room::function_{number}"))).collect();
        let mut shuffled = functions.clone();
        shuffled.reverse();
        // Another name of the same place, longer, that has to stand back.
        shuffled.push((1000, "room::function_number_0".into()));
        let bytes = encode(shuffled);
        let symbols = Symbols::new(&bytes).unwrap();
        assert!(symbols.find(999).is_none());
        for (offset, name) in functions {
            for inside in [0, 1, 299] {
                let place = symbols.find(offset + inside).unwrap();
                assert_eq!((place.name(), place.offset), (name.as_str(), inside));
            }
        }
        assert!(Symbols::new(&encode(Vec::new())).unwrap().find(5).is_none());
    }

    #[test]
    fn both_sides_agree_on_the_sizes() {
        assert_eq!((BLOCK, LONGEST), (symbols::BLOCK, symbols::LONGEST));
    }
}
