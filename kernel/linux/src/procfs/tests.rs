//! The formats, against lines that Linux printed.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use ::memory::{AreaInfo, AreaKind, MappedName, Protection, Usage};
use abi::process::Rlimit64;

use super::memory::meminfo_line;
use super::process::limits_line;
use super::process::maps_line;
use super::process::stat::Stat;
use super::process::status::{memory_lines, state_word};
use super::text::Text;

fn written(write: impl FnOnce(&mut Text<'_>) -> core::fmt::Result) -> String {
    let mut bytes = Vec::new();
    Text::fill(&mut bytes, write).unwrap();
    String::from_utf8(bytes).unwrap()
}

fn area(start: usize, end: usize, protection: Protection, offset: u64, kind: AreaKind) -> AreaInfo {
    AreaInfo { range: start..end, protection, shared: false, offset, locked: false, kind }
}

#[test]
fn maps_lines() {
    let file = MappedName { device: 0xfe00, inode: 1234, path: "/bin/busybox".to_string() };
    let line = area(0x400000, 0x401000, Protection::READ | Protection::EXECUTE, 0x1000, AreaKind::File(file));
    assert_eq!(
        written(|text| maps_line(text, &line)),
        "00400000-00401000 r-xp 00001000 fe:00 1234                               /bin/busybox\n"
    );
    let stack = area(0x7ffd_f5a2_b000, 0x7ffd_f5a4_c000, Protection::READ | Protection::WRITE, 7, AreaKind::Stack);
    assert_eq!(
        written(|text| maps_line(text, &stack)),
        "7ffdf5a2b000-7ffdf5a4c000 rw-p 00000000 00:00 0                          [stack]\n"
    );
    let anonymous = area(0x7f54_9c5f_a000, 0x7f54_9c5f_d000, Protection::empty(), 0, AreaKind::Anonymous);
    assert_eq!(written(|text| maps_line(text, &anonymous)), "7f549c5fa000-7f549c5fd000 ---p 00000000 00:00 0 \n");
}

#[test]
fn limits_lines() {
    let line = |soft, hard, name, unit| written(|text| limits_line(text, name, Rlimit64 { soft, hard }, unit));
    assert_eq!(
        line(8 << 20, u64::MAX, "Max stack size", "bytes"),
        "Max stack size            8388608              unlimited            bytes     \n"
    );
    assert_eq!(line(0, 0, "Max nice priority", ""), "Max nice priority         0                    0                    \n");
}

#[test]
fn meminfo_lines() {
    assert_eq!(written(|text| meminfo_line(text, "MemTotal", 2_028_104)), "MemTotal:        2028104 kB\n");
    assert_eq!(written(|text| meminfo_line(text, "Dirty", 8)), "Dirty:                 8 kB\n");
}

#[test]
fn status_memory_lines() {
    let usage = Usage { virtual_pages: 550, resident_pages: 300, resident_file_pages: 100, ..Usage::default() };
    let text = written(|text| memory_lines(text, &usage));
    assert!(text.contains("VmSize:\t    2200 kB\n") && text.contains("RssAnon:\t     800 kB\n"), "{text}");
    assert_eq!(state_word('Z'), "zombie");
}

#[test]
fn stat_has_its_52_fields_in_order() {
    let stat = Stat {
        number: 42,
        name: b"a (b) c".to_vec(),
        state: 'S',
        parent: 1,
        group: 42,
        session: 40,
        terminal: 0x440,
        foreground: -1,
        own: Default::default(),
        children: Default::default(),
        nice: -5,
        threads: 3,
        started: 1_230_000_000,
        virtual_size: 4096,
        resident_pages: 1,
        resident_limit: u64::MAX,
        code: (1, 2),
        stack: 3,
        signals: [u64::MAX, 2, 3, 4],
        exit_signal: 17,
        data: (5, 6),
        heap: 7,
        arguments: (8, 9),
        environment: (10, 11),
        exit_code: 0,
    };
    let line = written(|text| stat.write(text));
    let rest = line.strip_prefix("42 (a (b) c) ").unwrap().strip_suffix('\n').unwrap();
    let fields: Vec<&str> = rest.split(' ').collect();
    assert_eq!(fields.len(), 50);
    let field = |number: usize| fields[number - 3];
    assert_eq!((field(3), field(4), field(7), field(8)), ("S", "1", "1088", "-1"));
    assert_eq!((field(18), field(19), field(20), field(22)), ("15", "-5", "3", "123"));
    assert_eq!((field(23), field(24), field(25)), ("4096", "1", "18446744073709551615"));
    assert_eq!((field(26), field(28), field(31), field(38)), ("1", "3", "2147483647", "17"));
    assert_eq!((field(45), field(47), field(51), field(52)), ("5", "7", "11", "0"));
}

#[test]
fn interrupts_of_each_line_are_counted() {
    let count = |line: &str| -> u64 {
        let text = written(super::system::interrupt_counts);
        let found = text.lines().find(|found| found.starts_with(line)).unwrap_or_else(|| panic!("no {line} in {text}"));
        found.split_whitespace().nth(1).unwrap().parse().unwrap()
    };
    arch::interrupts::set_handler(arch::interrupts::Irq(12), || {});
    let before = count(" 12: ");
    (0..3).for_each(|_| arch::hosted::raise(arch::interrupts::Irq(12)));
    assert_eq!(count(" 12: "), before + 3);
    let text = written(super::system::interrupt_counts);
    assert!(text.starts_with("           CPU0       \n"), "{text}");
    assert!(text.contains(&alloc::format!(" 12: {:10}    hosted      i8042\n", before + 3)), "{text}");
    assert!(!text.contains(" 13: ") && text.ends_with("ERR:          0\n"), "{text}");
    assert_eq!(count("NMI: "), 0);
}

#[test]
fn names_with_blanks_are_escaped_in_tables() {
    assert_eq!(written(|text| text.escaped(b"a b\\c\n", b" \n")), "a\\040b\\134c\\012");
}

#[test]
fn uuids_are_of_version_4() {
    let text = written(|text| super::sysctl::uuid(text, [0xff; 16]));
    assert_eq!(text, "ffffffff-ffff-4fff-bfff-ffffffffffff\n");
}
