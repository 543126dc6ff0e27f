//! The strace-like trace of system calls, switched on by the kernel parameter `trace`.
//!
//! A line is `[tid] name(arguments) = result`, one for each finished call. Arguments are formatted before the call runs, since the
//! call may change the memory that they point to (or, with execve, replace all of it); bytes handed out are shown after it.

use alloc::string::String;
use core::fmt::Write;
use core::sync::atomic::{AtomicBool, Ordering};

use abi::errno::ALL as ERRNOS;
use memory::{UserPtr, UserSlice};

use crate::argument::Kind;
use crate::table::describe;

/// How many bytes of a buffer or string a trace shows.
const SHOWN: usize = 32;
/// How many strings of an argument list a trace shows.
const SHOWN_STRINGS: usize = 8;
const AT_FDCWD: i32 = -100;

static ENABLED: AtomicBool = AtomicBool::new(false);

/// Switches tracing on or off for all threads.
pub fn enable(on: bool) {
    ENABLED.store(on, Ordering::Relaxed);
}

/// Whether calls are traced now.
pub fn enabled() -> bool {
    ENABLED.load(Ordering::Relaxed)
}

/// The text of a call before it runs.
pub struct Entered {
    text: String,
    /// Where bytes handed out will stand, to be shown after the call.
    out: Option<usize>,
}

/// Formats the call's name and arguments.
pub fn enter(number: usize, args: &[usize; 6]) -> Entered {
    let mut entered = Entered { text: String::new(), out: None };
    let Some(line) = describe(number) else {
        append(&mut entered.text, format_args!("syscall_{number}({:#x}, {:#x}, {:#x}", args[0], args[1], args[2]));
        return entered;
    };
    append(&mut entered.text, format_args!("{}(", line.name));
    for (index, (_, kind)) in line.arguments.iter().enumerate() {
        if index > 0 {
            entered.text.push_str(", ");
        }
        let value = args.get(index).copied().unwrap_or(0);
        let next = args.get(index + 1).copied().unwrap_or(0);
        if *kind == Kind::BytesOut {
            entered.out = Some(value);
            entered.text.push('\u{1a}');
        } else {
            argument(&mut entered.text, *kind, value, next);
        }
    }
    entered
}

/// Prints the finished call. `result` is the value left in `rax`.
pub fn leave(tid: u32, entered: Entered, result: usize) {
    let Entered { mut text, out } = entered;
    if let Some(address) = out {
        let mut shown = String::new();
        if (result as isize) >= 0 {
            bytes(&mut shown, address, result)
        } else {
            append(&mut shown, format_args!("{address:#x}"))
        }
        text = text.replace('\u{1a}', &shown);
    }
    let signed = result as isize;
    if (-4095..0).contains(&signed) {
        let errno = ERRNOS.iter().find(|errno| errno.as_return() == result);
        match errno {
            Some(errno) => print(format_args!("[{tid}] {text}) = -1 {} ({errno})\n", errno.name())),
            None => print(format_args!("[{tid}] {text}) = {signed}\n")),
        }
    } else if signed < 0 || signed > i32::MAX as isize {
        print(format_args!("[{tid}] {text}) = {result:#x}\n"));
    } else {
        print(format_args!("[{tid}] {text}) = {signed}\n"));
    }
}

/// Prints a call that never returns to its caller.
pub fn gone(tid: u32, entered: Entered) {
    print(format_args!("[{tid}] {}) = ?\n", entered.text));
}

/// Puts a line on the debug console, past the log and its level, in one piece.
fn print(line: core::fmt::Arguments<'_>) {
    arch::console::write(alloc::fmt::format(line).as_bytes());
}

/// Writing to a `String` can't fail, so the result carries nothing.
fn append(text: &mut String, arguments: core::fmt::Arguments<'_>) {
    let _ = text.write_fmt(arguments);
}

fn argument(text: &mut String, kind: Kind, value: usize, next: usize) {
    match kind {
        Kind::Fd | Kind::Int => append(text, format_args!("{}", value as i32)),
        Kind::DirFd if value as i32 == AT_FDCWD => text.push_str("AT_FDCWD"),
        Kind::DirFd => append(text, format_args!("{}", value as i32)),
        Kind::Unsigned => append(text, format_args!("{}", value as u32)),
        Kind::Size => append(text, format_args!("{}", value as isize)),
        Kind::Pointer | Kind::BytesOut if value == 0 => text.push_str("NULL"),
        Kind::Pointer | Kind::BytesOut => append(text, format_args!("{value:#x}")),
        Kind::Flags => append(text, format_args!("{:#x}", value as u32)),
        Kind::Mode => append(text, format_args!("{:#o}", value as u32)),
        Kind::Path => string(text, value),
        Kind::Strings => strings(text, value),
        Kind::BytesIn => bytes(text, value, next),
        Kind::OpenFlags => open_flags(text, value as u32),
        Kind::Protection => names(text, value as u32, &[(1, "PROT_READ"), (2, "PROT_WRITE"), (4, "PROT_EXEC")], "PROT_NONE"),
        Kind::MapFlags => names(text, value as u32, MAP_FLAGS, "0"),
        Kind::Signal => match abi::Signal::new(value as u64) {
            Some(signal) => text.push_str(signal.name()),
            None => append(text, format_args!("{}", value as i32)),
        },
        Kind::TimespecIn => match UserPtr::<abi::time::Timespec>::new(value).read() {
            Ok(time) => append(text, format_args!("{{tv_sec={}, tv_nsec={}}}", time.seconds, time.nanoseconds)),
            Err(_) if value == 0 => text.push_str("NULL"),
            Err(_) => append(text, format_args!("{value:#x}")),
        },
    }
}

const MAP_FLAGS: &[(u32, &str)] = &[
    (1, "MAP_SHARED"),
    (2, "MAP_PRIVATE"),
    (0x10, "MAP_FIXED"),
    (0x20, "MAP_ANONYMOUS"),
    (0x100, "MAP_GROWSDOWN"),
    (0x800, "MAP_DENYWRITE"),
    (0x4000, "MAP_NORESERVE"),
    (0x8000, "MAP_POPULATE"),
    (0x2_0000, "MAP_STACK"),
    (0x10_0000, "MAP_FIXED_NOREPLACE"),
];

fn open_flags(text: &mut String, flags: u32) {
    text.push_str(match flags & 3 {
        0 => "O_RDONLY",
        1 => "O_WRONLY",
        _ => "O_RDWR",
    });
    const OTHERS: &[(u32, &str)] = &[
        (0o100, "O_CREAT"),
        (0o200, "O_EXCL"),
        (0o400, "O_NOCTTY"),
        (0o1000, "O_TRUNC"),
        (0o2000, "O_APPEND"),
        (0o4000, "O_NONBLOCK"),
        (0o10_0000, "O_LARGEFILE"),
        (0o20_0000, "O_DIRECTORY"),
        (0o40_0000, "O_NOFOLLOW"),
        (0o200_0000, "O_CLOEXEC"),
        (0o1000_0000, "O_PATH"),
    ];
    if flags & !3 != 0 {
        text.push('|');
        names(text, flags & !3, OTHERS, "");
    }
}

/// The names of the bits of `flags`, joined by `|`; unnamed bits in hexadecimal.
fn names(text: &mut String, mut flags: u32, table: &[(u32, &str)], none: &str) {
    if flags == 0 {
        text.push_str(none);
        return;
    }
    let mut first = true;
    for (bit, name) in table {
        if flags & bit != 0 {
            flags &= !bit;
            if !first {
                text.push('|');
            }
            first = false;
            text.push_str(name);
        }
    }
    if flags != 0 {
        append(text, format_args!("{}{flags:#x}", if first { "" } else { "|" }));
    }
}

fn string(text: &mut String, address: usize) {
    if address == 0 {
        text.push_str("NULL");
        return;
    }
    match memory::user::read_c_string(address, abi::stat::PATH_MAX) {
        Ok(string) => quoted(text, &string, false),
        Err(_) => append(text, format_args!("{address:#x}")),
    }
}

fn strings(text: &mut String, address: usize) {
    text.push('[');
    for index in 0..SHOWN_STRINGS {
        match UserPtr::<usize>::new(address).offset(index).read() {
            Ok(0) | Err(_) => break,
            Ok(pointer) => {
                if index > 0 {
                    text.push_str(", ");
                }
                string(text, pointer);
            }
        }
    }
    text.push(']');
}

fn bytes(text: &mut String, address: usize, length: usize) {
    let mut buffer = [0u8; SHOWN];
    let shown = length.min(SHOWN);
    let Some(buffer) = buffer.get_mut(..shown) else { return };
    match UserSlice::new(address, shown).read(buffer) {
        Ok(()) => quoted(text, buffer, length > shown),
        Err(_) => append(text, format_args!("{address:#x}")),
    }
}

fn quoted(text: &mut String, bytes: &[u8], cut: bool) {
    text.push('"');
    for &byte in bytes {
        match byte {
            b'\n' => text.push_str("\\n"),
            b'\t' => text.push_str("\\t"),
            b'\r' => text.push_str("\\r"),
            b'"' | b'\\' => {
                text.push('\\');
                text.push(byte as char);
            }
            0x20..=0x7e => text.push(byte as char),
            _ => append(text, format_args!("\\{byte:o}")),
        }
    }
    text.push_str(if cut { "\"..." } else { "\"" });
}
