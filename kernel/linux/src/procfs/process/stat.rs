//! /proc/PID/stat and statm: numbers for programs.

use alloc::vec::Vec;
use core::fmt::{self, Write};

use abi::{Result, Signal};
use process::times::{NANOS_PER_TICK, Usage};
use process::{Process, Resource};

use super::Subject;
use super::content::name_of;
use crate::procfs::text::Text;

/// What one line of stat says; times in nanoseconds, sizes in bytes unless said otherwise.
pub(in crate::procfs) struct Stat {
    pub number: u32,
    pub name: Vec<u8>,
    pub state: char,
    pub parent: u32,
    pub group: u32,
    pub session: u32,
    pub terminal: u64,
    pub foreground: i64,
    pub own: Usage,
    pub children: Usage,
    pub nice: i32,
    pub threads: usize,
    pub started: u64,
    pub virtual_size: u64,
    pub resident_pages: u64,
    pub resident_limit: u64,
    pub code: (u64, u64),
    pub stack: u64,
    /// Pending, blocked, ignored, caught: the first 31 signals.
    pub signals: [u64; 4],
    pub exit_signal: i32,
    pub data: (u64, u64),
    pub heap: u64,
    pub arguments: (u64, u64),
    pub environment: (u64, u64),
    /// The status in the form of wait4(2), of a process that has ended.
    pub exit_code: u32,
}

impl Stat {
    /// The 52 fields in their order (proc_pid_stat(5)).
    pub(in crate::procfs) fn write(&self, text: &mut Text<'_>) -> fmt::Result {
        write!(text, "{} (", self.number)?;
        text.escaped(&self.name, b"\n")?;
        write!(text, ") {} {} {} {} {} {} 0 ", self.state, self.parent, self.group, self.session, self.terminal, self.foreground)?;
        let (own, children) = (&self.own, &self.children);
        write!(text, "{} {} {} {} ", own.minor_faults, children.minor_faults, own.major_faults, children.major_faults)?;
        let ticks = |nanos: u64| nanos / NANOS_PER_TICK;
        write!(text, "{} {} {} {} ", ticks(own.user()), ticks(own.system()), ticks(children.user()), ticks(children.system()))?;
        write!(text, "{} {} {} 0 {} ", 20 + self.nice, self.nice, self.threads, ticks(self.started))?;
        write!(text, "{} {} {} ", self.virtual_size, self.resident_pages, self.resident_limit)?;
        write!(text, "{} {} {} 0 0 ", self.code.0, self.code.1, self.stack)?;
        for set in self.signals {
            write!(text, "{} ", set & 0x7fff_ffff)?;
        }
        // wchan, two of swap, the exit signal, the processor, real-time priority and policy, delay, guest times.
        write!(text, "0 0 0 {} 0 0 0 0 0 0 ", self.exit_signal)?;
        write!(text, "{} {} {} ", self.data.0, self.data.1, self.heap)?;
        write!(text, "{} {} {} {} ", self.arguments.0, self.arguments.1, self.environment.0, self.environment.1)?;
        writeln!(text, "{}", self.exit_code)
    }
}

fn pair(range: &core::ops::Range<usize>) -> (u64, u64) {
    (range.start as u64, range.end as u64)
}

/// The terminal of a process and the group in its foreground, as stat shows them: 0 and −1 without one.
fn terminal(process: &Process) -> (u64, i64) {
    let terminal = process.session().terminal().filter(|terminal| terminal.device() != 0);
    terminal.map_or((0, -1), |terminal| (terminal.device(), i64::from(terminal.foreground_group())))
}

/// The state's letter: that of the thread, or Z.
pub(super) fn state(subject: Subject) -> Result<char> {
    Ok(match subject.thread()? {
        Some(_) if process::tree::is_zombie(subject.pid) => 'Z',
        Some(thread) => thread.state_letter(),
        None if process::tree::is_zombie(subject.pid) => 'Z',
        None => 'S',
    })
}

fn gather(subject: Subject) -> Result<Stat> {
    let process = subject.process()?;
    let thread = subject.thread()?;
    let image = if subject.check_access().is_ok() { process.image() } else { Default::default() };
    let (terminal, foreground) = terminal(&process);
    let space = process.space();
    let usage = space.as_ref().map(|space| space.usage()).unwrap_or_default();
    let (pending, blocked, ignored, caught) = thread.as_ref().map_or((0, 0, 0, 0), |thread| {
        let (ignored, caught) = thread.action_sets();
        (thread.pending_sets().0.0, thread.mask().0, ignored.0, caught.0)
    });
    Ok(Stat {
        number: subject.tid.unwrap_or(subject.pid),
        name: name_of(subject)?,
        state: state(subject)?,
        parent: process.parent_pid(),
        group: process.group_id(),
        session: process.session_id(),
        terminal,
        foreground,
        own: match (subject.tid, &thread) {
            (Some(_), Some(thread)) => thread.usage(),
            _ => process.usage(),
        },
        children: process.children_usage(),
        nice: thread.as_ref().map_or(0, |thread| thread.nice()),
        threads: process.thread_count(),
        started: process.started(),
        virtual_size: (usage.virtual_pages * memory::PAGE_SIZE) as u64,
        resident_pages: usage.resident_pages as u64,
        resident_limit: process.soft_limit(Resource::Resident),
        code: pair(&image.code),
        stack: image.stack as u64,
        signals: [pending, blocked, ignored, caught],
        exit_signal: i32::from(Signal::SIGCHLD.number()),
        data: pair(&image.data),
        heap: space.map_or(0, |space| space.brk_start() as u64),
        arguments: pair(&image.arguments),
        environment: pair(&image.environment),
        exit_code: 0,
    })
}

pub(super) fn stat(subject: Subject, text: &mut Vec<u8>) -> Result<()> {
    let stat = gather(subject)?;
    Text::fill(text, |text| stat.write(text))
}

/// Pages: total, resident, resident of files, text, 0, data and stack, 0.
pub(super) fn statm(subject: Subject, text: &mut Vec<u8>) -> Result<()> {
    let usage = subject.process()?.space().map(|space| space.usage()).unwrap_or_default();
    let data = usage.data_pages + usage.stack_pages;
    Text::fill(text, |text| {
        writeln!(text, "{} {} {} {} 0 {data} 0", usage.virtual_pages, usage.resident_pages, usage.resident_file_pages, usage.text_pages)
    })
}
