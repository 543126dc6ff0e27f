//! Broken programs: ELF files that lie. Whatever they say, execve refuses or the new program dies; the system lives.

use user::child::{Status, fork};
use user::exec::execve;
use user::files::*;
use user::memory::PAGE;
use user::sys::*;

table!("elves":
    honest_program_runs, truncated_header, truncated_everywhere, wrong_class_machine_type, no_segments, many_program_headers, header_table_outside,
    segment_in_kernel, segment_at_zero, segment_wraps_around, gigantic_memory_size, file_size_over_memory_size, segment_beyond_file, overlapping_segments,
    unaligned_segment_offset, entry_in_kernel, entry_nowhere, entry_non_canonical, missing_interpreter, interpreter_name_too_long, interpreter_not_elf,
    stack_flag_executable_or_not, bss_is_zero, random_bytes_flipped,
);

const BASE: u64 = 0x40_0000;

/// A tiny program that exits with 42: header, program headers, code.
struct Elf {
    kind: u16,
    machine: u16,
    entry: u64,
    header_offset: u64,
    header_count: Option<u16>,
    /// type, flags, offset, address, file size, memory size, alignment
    segments: Vec<[u64; 7]>,
    code: Vec<u8>,
}

const LOAD: u64 = 1;
const INTERPRETER: u64 = 3;
const READ_EXECUTE: u64 = 5;
const READ_WRITE: u64 = 6;

/// mov edi, 42; mov eax, 231; syscall
const EXIT_42: [u8; 12] = [0xbf, 42, 0, 0, 0, 0xb8, 231, 0, 0, 0, 0x0f, 0x05];

/// Where the code lies in the file, and so in the first segment.
const CODE: u64 = 0x400;

impl Elf {
    fn honest() -> Elf {
        let load = [LOAD, READ_EXECUTE, 0, BASE, 0x1000, 0x1000, 0x1000];
        Elf { kind: 2, machine: 62, entry: BASE + CODE, header_offset: 64, header_count: None, segments: vec![load], code: EXIT_42.to_vec() }
    }

    fn bytes(&self) -> Vec<u8> {
        let mut file = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0".to_vec();
        file.extend(self.kind.to_le_bytes());
        file.extend(self.machine.to_le_bytes());
        file.extend(1u32.to_le_bytes());
        file.extend(self.entry.to_le_bytes());
        file.extend(self.header_offset.to_le_bytes());
        file.extend([0; 12]);
        let count = self.header_count.unwrap_or(self.segments.len() as u16);
        for half in [64, 56, count, 64, 0, 0] {
            file.extend(half.to_le_bytes());
        }
        for [kind, flags, offset, address, in_file, in_memory, alignment] in &self.segments {
            file.extend((*kind as u32).to_le_bytes());
            file.extend((*flags as u32).to_le_bytes());
            for word in [offset, address, address, in_file, in_memory, alignment] {
                file.extend(word.to_le_bytes());
            }
        }
        file.resize(CODE as usize, 0);
        file.extend(&self.code);
        file.resize(0x1000, 0);
        file
    }

    fn run(&self) -> Outcome {
        run(&self.bytes())
    }
}

#[derive(Debug, PartialEq)]
enum Outcome {
    Refused(Errno),
    Ended(Status),
}

const FORTY_TWO: Outcome = Outcome::Ended(Status(42 << 8));

/// Executes a file with this content.
fn run(content: &[u8]) -> Outcome {
    let _ = unlink("program");
    put("program", content);
    chmod("program", 0o755).unwrap();
    let report = user::memory::shared_pages(1);
    let status = fork(|| {
        let error = execve("./program", &["program"], &[]);
        user::memory::poke_u32(report, error.0 as u32);
    })
    .wait();
    match user::memory::peek_u32(report) {
        0 => Outcome::Ended(status),
        error => Outcome::Refused(Errno(error as i32)),
    }
}

/// Refused, or dead by a signal; never run to its end.
fn fails(elf: &Elf) {
    let outcome = elf.run();
    let failed = match outcome {
        Outcome::Refused(_) => true,
        Outcome::Ended(status) => status.signal().is_some(),
    };
    assert!(failed, "{outcome:?}");
}

fn honest_program_runs() {
    assert_eq!(Elf::honest().run(), FORTY_TWO);
}

fn truncated_header() {
    for length in [1, 4, 15, 16, 40, 63] {
        assert_eq!(run(&Elf::honest().bytes()[..length]), Outcome::Refused(ENOEXEC), "{length}");
    }
}

fn truncated_everywhere() {
    let whole = Elf::honest().bytes();
    for length in (64..whole.len()).step_by(97) {
        match run(&whole[..length]) {
            Outcome::Refused(_) => {}
            Outcome::Ended(status) => assert!(status == Status(42 << 8) || status.signal().is_some(), "{length}: {status:?}"),
        }
    }
}

fn wrong_class_machine_type() {
    let mut elf = Elf::honest();
    elf.machine = 40;
    assert_eq!(elf.run(), Outcome::Refused(ENOEXEC));
    elf.machine = 62;
    elf.kind = 1;
    assert_eq!(elf.run(), Outcome::Refused(ENOEXEC), "an object file is no program");
}

fn no_segments() {
    let mut elf = Elf::honest();
    elf.segments.clear();
    fails(&elf);
}

fn many_program_headers() {
    for count in [u16::MAX, 1171, 5000] {
        let mut elf = Elf::honest();
        elf.header_count = Some(count);
        fails(&elf);
    }
}

fn header_table_outside() {
    for offset in [0x10_0000, u64::MAX, u64::MAX - 55, 1 << 63] {
        let mut elf = Elf::honest();
        elf.header_offset = offset;
        fails(&elf);
    }
}

fn segment_in_kernel() {
    for address in [0xffff_8000_0000_0000, 0xffff_ffff_8000_0000, 0x8000_0000_0000, 0x7fff_ffff_f000] {
        let mut elf = Elf::honest();
        elf.segments[0][3] = address;
        elf.entry = address + CODE;
        fails(&elf);
        let mut elf = Elf::honest();
        elf.segments.push([LOAD, READ_WRITE, 0, address, 0x1000, 0x1000, 0x1000]);
        fails(&elf);
    }
}

fn segment_at_zero() {
    let mut elf = Elf::honest();
    elf.segments[0][3] = 0;
    elf.entry = CODE;
    // Root may map page 0 on Linux; an ordinary user may not. Either way nothing worse happens.
    match elf.run() {
        Outcome::Refused(_) => {}
        Outcome::Ended(status) => assert!(status == Status(42 << 8) || status.signal().is_some(), "{status:?}"),
    }
}

fn segment_wraps_around() {
    let mut elf = Elf::honest();
    elf.segments.push([LOAD, READ_WRITE, 0, u64::MAX - 0xfff, 0x1000, 0x2000, 0x1000]);
    fails(&elf);
    let mut elf = Elf::honest();
    elf.segments.push([LOAD, READ_WRITE, u64::MAX - 0xfff, 0x80_0000, 0x2000, 0x2000, 0x1000]);
    fails(&elf);
}

fn gigantic_memory_size() {
    for size in [1 << 47, 1 << 48, 1 << 63, u64::MAX, u64::MAX - 0x1000] {
        let mut elf = Elf::honest();
        elf.segments[0][5] = size;
        fails(&elf);
    }
}

fn file_size_over_memory_size() {
    let mut elf = Elf::honest();
    elf.segments[0][4] = 0x1000;
    elf.segments[0][5] = 0x10;
    fails(&elf);
}

fn segment_beyond_file() {
    let mut elf = Elf::honest();
    elf.segments[0][2] = 0x10_0000;
    fails(&elf);
}

fn overlapping_segments() {
    let mut elf = Elf::honest();
    elf.segments.push(elf.segments[0]);
    elf.segments.push([LOAD, READ_EXECUTE, 0, BASE, 0x1000, 0x3000, 0x1000]);
    match elf.run() {
        Outcome::Refused(_) => {}
        Outcome::Ended(status) => assert!(status == Status(42 << 8) || status.signal().is_some(), "{status:?}"),
    }
}

fn unaligned_segment_offset() {
    let mut elf = Elf::honest();
    elf.segments[0][2] = 0x123;
    fails(&elf);
}

fn entry_in_kernel() {
    for address in [0xffff_8000_0000_0000, 0xffff_ffff_8000_0000] {
        let mut elf = Elf::honest();
        elf.entry = address;
        fails(&elf);
    }
}

fn entry_nowhere() {
    let mut elf = Elf::honest();
    elf.entry = 0x1234_5678;
    assert_eq!(elf.run(), Outcome::Ended(Status(libc::SIGSEGV)));
}

fn entry_non_canonical() {
    for address in [0x8000_0000_0000, 0x1234_5678_9abc_def0, 1 << 63] {
        let mut elf = Elf::honest();
        elf.entry = address;
        fails(&elf);
    }
}

fn with_interpreter(name: &[u8]) -> Elf {
    let mut elf = Elf::honest();
    elf.code = [&EXIT_42[..], name].concat();
    elf.segments.insert(0, [INTERPRETER, 4, CODE + EXIT_42.len() as u64, 0, name.len() as u64, name.len() as u64, 1]);
    elf
}

fn missing_interpreter() {
    assert_eq!(with_interpreter(b"/absent/ld.so\0").run(), Outcome::Refused(ENOENT));
}

fn interpreter_name_too_long() {
    let mut elf = with_interpreter(b"/x\0");
    for length in [0, 1, 5000, 1 << 40, u64::MAX] {
        elf.segments[0][4] = length;
        fails(&elf);
    }
    assert_eq!(with_interpreter(b"/no/nul/at/the/end").run(), Outcome::Refused(ENOEXEC));
}

fn interpreter_not_elf() {
    put("text", b"not a program at all, but long enough to be read as a header of an ELF file");
    chmod("text", 0o755).unwrap();
    fails(&with_interpreter(b"./text\0"));
}

fn stack_flag_executable_or_not() {
    let mut elf = Elf::honest();
    // PT_GNU_STACK without execute: push code to the stack and jump there. mov rax, 0xc3c3..; push rax; jmp rsp
    elf.code = vec![0x48, 0xb8, 0xc3, 0xc3, 0xc3, 0xc3, 0xc3, 0xc3, 0xc3, 0xc3, 0x50, 0xff, 0xe4];
    elf.segments.push([0x6474_e551, READ_WRITE, 0, 0, 0, 0, 16]);
    assert_eq!(elf.run(), Outcome::Ended(Status(libc::SIGSEGV)));
}

fn bss_is_zero() {
    let mut elf = Elf::honest();
    // The file goes on with 0xff behind the segment's file part; in memory there must be zeros. movzx edi, byte [BSS]; exit_group
    let bss = 0x60_0000u32 + 0x900;
    elf.code = [&[0x0f, 0xb6, 0x3c, 0x25][..], &bss.to_le_bytes(), &EXIT_42[5..]].concat();
    elf.segments.push([LOAD, READ_WRITE, 0, 0x60_0000, 0x900, 0x3000, 0x1000]);
    let mut file = elf.bytes();
    file[0x900..].fill(0xff);
    assert_eq!(run(&file), Outcome::Ended(Status(0)));
}

/// A thousand damaged programs. A damaged one may still run, even well, or loop: then it is killed.
fn random_bytes_flipped() {
    let mut random = user::random::Random::new(20_260_101);
    let honest = Elf::honest().bytes();
    for _ in 0..300 {
        let mut file = honest.clone();
        for _ in 0..1 + random.below(4) {
            // The code itself stays what it is, so that none loops for ever.
            let at = random.below(64 + 56);
            file[at] = random.word() as u8;
        }
        if random.below(4) == 0 {
            file.truncate(PAGE - random.below(PAGE));
        }
        run(&file);
    }
    assert_eq!(run(&honest), FORTY_TWO);
}
