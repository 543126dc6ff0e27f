//! /proc/PID/status: facts for people.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt::{self, Write};

use abi::Result;
use fs::Credentials;
use memory::{PAGE_SIZE, Usage};
use process::{Process, Resource, Thread};

use super::Subject;
use super::content::name_of;
use super::stat::state;
use crate::procfs::text::Text;

/// All capabilities up to CAP_CHECKPOINT_RESTORE: what root has, and nobody else.
const ALL_CAPABILITIES: u64 = (1 << 41) - 1;

/// The word behind a state's letter.
pub(in crate::procfs) fn state_word(letter: char) -> &'static str {
    match letter {
        'R' => "running",
        'S' => "sleeping",
        'D' => "disk sleep",
        'T' => "stopped",
        't' => "tracing stop",
        'Z' => "zombie",
        _ => "dead",
    }
}

pub(super) fn status(subject: Subject, text: &mut Vec<u8>) -> Result<()> {
    let process = subject.process()?;
    let thread = subject.thread()?;
    let name = name_of(subject)?;
    let letter = state(subject)?;
    Text::fill(text, |text| {
        text.write_str("Name:\t")?;
        text.escaped(&name, b"\n")?;
        if let Some(Ok(context)) = thread.as_ref().map(|thread| thread.fs()) {
            write!(text, "\nUmask:\t{:04o}", context.umask())?;
        }
        writeln!(text, "\nState:\t{letter} ({})", state_word(letter))?;
        let number = subject.tid.unwrap_or(subject.pid);
        writeln!(text, "Tgid:\t{}\nNgid:\t0\nPid:\t{number}\nPPid:\t{}\nTracerPid:\t0", subject.pid, process.parent_pid())?;
        identity(text, thread.as_deref(), &process.credentials().unwrap_or_else(|| Arc::new(Credentials::root())))?;
        writeln!(text, "NStgid:\t{}\nNSpid:\t{number}\nNSpgid:\t{}\nNSsid:\t{}", subject.pid, process.group_id(), process.session_id())?;
        if let Some(space) = process.space() {
            memory_lines(text, &space.usage())?;
        }
        writeln!(text, "CoreDumping:\t0\nTHP_enabled:\t0\nThreads:\t{}", process.thread_count())?;
        signals(text, &process, thread.as_deref())?;
        capabilities(text, thread.as_deref())?;
        writeln!(text, "Seccomp:\t0\nSeccomp_filters:\t0")?;
        let processors = arch::cpu::count().clamp(1, 64);
        writeln!(text, "Cpus_allowed:\t{:x}", u64::MAX >> (64 - processors))?;
        text.write_str("Cpus_allowed_list:\t0")?;
        if processors > 1 {
            write!(text, "-{}", processors - 1)?;
        }
        text.write_str("\nMems_allowed:\t1\nMems_allowed_list:\t0\n")?;
        let usage = thread.as_ref().map_or_else(|| process.usage(), |thread| thread.usage());
        writeln!(text, "voluntary_ctxt_switches:\t{}\nnonvoluntary_ctxt_switches:\t{}", usage.voluntary, usage.involuntary)
    })
}

/// Users, groups and the size of the descriptor table; `main` are the credentials of a process whose threads have ended.
fn identity(text: &mut Text<'_>, thread: Option<&Thread>, main: &Arc<Credentials>) -> fmt::Result {
    let ids = thread.map_or_else(|| main.clone(), |thread| thread.credentials());
    let slots = thread.and_then(|thread| thread.with_files(|files| Ok(files.capacity())).ok()).unwrap_or(0);
    writeln!(text, "Uid:\t{}\t{}\t{}\t{}", ids.uid, ids.euid, ids.suid, ids.fsuid)?;
    writeln!(text, "Gid:\t{}\t{}\t{}\t{}", ids.gid, ids.egid, ids.sgid, ids.fsgid)?;
    write!(text, "FDSize:\t{slots}\nGroups:\t")?;
    for group in ids.groups.iter() {
        write!(text, "{group} ")?;
    }
    text.write_str(if ids.groups.is_empty() { " \n" } else { "\n" })
}

/// Sizes in KiB.
pub(in crate::procfs) fn memory_lines(text: &mut Text<'_>, usage: &Usage) -> fmt::Result {
    let lines = [
        ("VmPeak", usage.peak_virtual_pages),
        ("VmSize", usage.virtual_pages),
        ("VmLck", usage.locked_pages),
        ("VmPin", 0),
        ("VmHWM", usage.peak_resident_pages.max(usage.resident_pages)),
        ("VmRSS", usage.resident_pages),
        ("RssAnon", usage.resident_pages.saturating_sub(usage.resident_file_pages)),
        ("RssFile", usage.resident_file_pages),
        ("RssShmem", 0),
        ("VmData", usage.data_pages),
        ("VmStk", usage.stack_pages),
        ("VmExe", usage.text_pages),
        ("VmLib", 0),
        ("VmPTE", usage.table_pages),
        ("VmSwap", 0),
    ];
    for (name, pages) in lines {
        writeln!(text, "{name}:\t{:8} kB", pages.saturating_mul(PAGE_SIZE / 1024))?;
    }
    Ok(())
}

fn signals(text: &mut Text<'_>, process: &Process, thread: Option<&Thread>) -> fmt::Result {
    let queued = thread.map_or(0, |thread| process::accounts::signals_of(thread.credentials().uid));
    writeln!(text, "SigQ:\t{queued}/{}", process.soft_limit(Resource::PendingSignals))?;
    let (own, shared) = thread.map(|thread| thread.pending_sets()).unwrap_or_default();
    let (ignored, caught) = thread.map(|thread| thread.action_sets()).unwrap_or_default();
    let blocked = thread.map(|thread| thread.mask()).unwrap_or_default();
    for (name, set) in [("SigPnd", own), ("ShdPnd", shared), ("SigBlk", blocked), ("SigIgn", ignored), ("SigCgt", caught)] {
        writeln!(text, "{name}:\t{:016x}", set.0)?;
    }
    Ok(())
}

fn capabilities(text: &mut Text<'_>, thread: Option<&Thread>) -> fmt::Result {
    let held = if thread.is_some_and(|thread| thread.credentials().is_privileged()) { ALL_CAPABILITIES } else { 0 };
    for (name, set) in [("CapInh", 0), ("CapPrm", held), ("CapEff", held), ("CapBnd", ALL_CAPABILITIES), ("CapAmb", 0)] {
        writeln!(text, "{name}:\t{set:016x}")?;
    }
    writeln!(text, "NoNewPrivs:\t{}", u8::from(thread.is_some_and(|thread| thread.no_new_privileges())))
}
