//! /proc/PID/limits.

use alloc::vec::Vec;
use core::fmt::{self, Write};

use abi::Result;
use abi::process::Rlimit64;
use process::Resource;

use super::Subject;
use crate::procfs::text::Text;

/// Name and unit of each limit, in the order of their numbers, which is that of the file.
const NAMES: [(&str, &str); 16] = [
    ("Max cpu time", "seconds"),
    ("Max file size", "bytes"),
    ("Max data size", "bytes"),
    ("Max stack size", "bytes"),
    ("Max core file size", "bytes"),
    ("Max resident set", "bytes"),
    ("Max processes", "processes"),
    ("Max open files", "files"),
    ("Max locked memory", "bytes"),
    ("Max address space", "bytes"),
    ("Max file locks", "locks"),
    ("Max pending signals", "signals"),
    ("Max msgqueue size", "bytes"),
    ("Max nice priority", ""),
    ("Max realtime priority", ""),
    ("Max realtime timeout", "us"),
];

pub(super) fn limits(subject: Subject, text: &mut Vec<u8>) -> Result<()> {
    let process = subject.process()?;
    Text::fill(text, |text| {
        writeln!(text, "{:<25} {:<20} {:<20} {:<10}", "Limit", "Soft Limit", "Hard Limit", "Units")?;
        for (number, (name, unit)) in NAMES.iter().enumerate() {
            if let Ok(resource) = Resource::new(number as u32) {
                line(text, name, process.limit(resource), unit)?;
            }
        }
        Ok(())
    })
}

pub(in crate::procfs) fn line(text: &mut Text<'_>, name: &str, limit: Rlimit64, unit: &str) -> fmt::Result {
    write!(text, "{name:<25} ")?;
    for value in [limit.soft, limit.hard] {
        if value == u64::MAX { write!(text, "{:<20} ", "unlimited")? } else { write!(text, "{value:<20} ")? }
    }
    if unit.is_empty() { text.write_str("\n") } else { writeln!(text, "{unit:<10}") }
}
