//! A new program's first stack: strings on top, below them what `_start` finds at the stack pointer (System V ABI, x86-64 supplement, 3.4.1).

use abi::process::auxv;
use abi::{Errno, Result};
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::ops::Range;
use fs::Credentials;
use memory::{AddressSpace, PAGE_SIZE};

use super::arguments::Arguments;
use super::elf::PROGRAM_HEADER_SIZE;

const PLATFORM: &[u8] = b"x86_64\0";
/// HWCAP2_FSGSBASE: programs may use the instructions of that name.
const FSGSBASE: u64 = 2;
/// Ticks in a second as times(2) counts.
const CLOCK_TICKS: u64 = 100;

/// What the auxiliary vector tells besides what is the same for all programs.
pub(super) struct Facts {
    pub headers_address: usize,
    pub header_count: usize,
    pub base: usize,
    pub entry: usize,
    pub secure: bool,
}

/// Where things came to lie.
pub(super) struct Stack {
    pub pointer: usize,
    pub arguments: Range<usize>,
    pub environment: Range<usize>,
    pub auxiliary: Box<[(u64, u64)]>,
}

/// Writes the stack, whose highest address is `top`. E2BIG if it doesn't fit; ENOMEM.
pub(super) fn build(
    space: &AddressSpace,
    top: usize,
    arguments: &Arguments,
    name: &[u8],
    credentials: &Credentials,
    facts: &Facts,
) -> Result<Stack> {
    let mut writer = Writer { space, at: top };
    // Linux leaves one word at the very top, and puts the strings below in the order argv, envp, file name.
    writer.push(&[0; 8])?;
    writer.push(&[0])?;
    let name_at = writer.push(name)?;
    let (strings, arguments_end) = arguments.strings();
    let strings_at = writer.push(strings)?;
    let platform_at = writer.push(PLATFORM)?;
    let mut seed = [0; 16];
    fs::random::fill(&mut seed);
    writer.at &= !15;
    let random_at = writer.push(&seed)?;

    let auxiliary = auxiliary(facts, credentials, [random_at, name_at, platform_at]);
    let mut words = Vec::new();
    let string_count = strings.iter().filter(|byte| **byte == 0).count();
    let total = 1 + string_count + 2 + (auxiliary.len() + 1) * 2;
    words.try_reserve_exact(total).map_err(|_| Errno::ENOMEM)?;
    words.push(arguments.argument_count() as u64);
    let mut at = strings_at;
    for (number, string) in strings.split_inclusive(|byte| *byte == 0).enumerate() {
        if number == arguments.argument_count() {
            words.push(0);
        }
        words.push(at as u64);
        at += string.len();
    }
    if string_count == arguments.argument_count() {
        words.push(0);
    }
    words.push(0);
    for (kind, value) in auxiliary.iter() {
        words.extend([*kind, *value]);
    }
    words.extend([auxv::NULL, 0]);
    // The words end where they end, and begin at a multiple of 16.
    writer.at = writer.at.checked_sub(words.len() * size_of::<u64>()).ok_or(Errno::E2BIG)? & !15;
    let pointer = writer.at;
    write_all(space, pointer, zerocopy::IntoBytes::as_bytes(words.as_slice()))?;
    let boundary = strings_at + arguments_end;
    Ok(Stack { pointer, arguments: strings_at..boundary, environment: boundary..strings_at + strings.len(), auxiliary })
}

fn auxiliary(facts: &Facts, credentials: &Credentials, [random, name, platform]: [usize; 3]) -> Box<[(u64, u64)]> {
    let fsgsbase = arch::cpu::features().contains(arch::cpu::Features::FSGSBASE);
    let frame = arch::user::UserContext::fpu_frame_size() + size_of::<abi::siginfo::RtSigFrame>() + 128 + 64 + 16;
    Box::new([
        (auxv::MINSIGSTKSZ, frame as u64),
        (auxv::HWCAP, arch::cpu::hardware_capabilities()),
        (auxv::PAGESZ, PAGE_SIZE as u64),
        (auxv::CLKTCK, CLOCK_TICKS),
        (auxv::PHDR, facts.headers_address as u64),
        (auxv::PHENT, PROGRAM_HEADER_SIZE as u64),
        (auxv::PHNUM, facts.header_count as u64),
        (auxv::BASE, facts.base as u64),
        (auxv::FLAGS, 0),
        (auxv::ENTRY, facts.entry as u64),
        (auxv::UID, credentials.uid.into()),
        (auxv::EUID, credentials.euid.into()),
        (auxv::GID, credentials.gid.into()),
        (auxv::EGID, credentials.egid.into()),
        (auxv::SECURE, facts.secure.into()),
        (auxv::RANDOM, random as u64),
        (auxv::HWCAP2, if fsgsbase { FSGSBASE } else { 0 }),
        (auxv::EXECFN, name as u64),
        (auxv::PLATFORM, platform as u64),
    ])
}

/// Writes downwards.
struct Writer<'a> {
    space: &'a AddressSpace,
    at: usize,
}

impl Writer<'_> {
    fn push(&mut self, bytes: &[u8]) -> Result<usize> {
        self.at = self.at.checked_sub(bytes.len()).ok_or(Errno::E2BIG)?;
        write_all(self.space, self.at, bytes)?;
        Ok(self.at)
    }
}

/// Writes from the highest page down, so that the stack grows to where it is needed.
fn write_all(space: &AddressSpace, address: usize, bytes: &[u8]) -> Result<()> {
    let mut end = bytes.len();
    while end > 0 {
        let last = address + end - 1;
        let begin = (last & !(PAGE_SIZE - 1)).saturating_sub(address);
        let piece = bytes.get(begin..end).ok_or(Errno::EFAULT)?;
        match space.write_remote(address + begin, piece) {
            Ok(count) if count == piece.len() => end = begin,
            Err(Errno::ENOMEM) => return Err(Errno::ENOMEM),
            _ => return Err(Errno::E2BIG),
        }
    }
    Ok(())
}
