//! /proc: what the rooms below know, in Linux's words (proc(5)).
//!
//! Every file is made when it is read, from the same objects that the system calls use; nothing is kept here. What a process is named by is its
//! number and its starting time: a descriptor of /proc/PID/… that outlives the process reads ESRCH, even when the number is in use again.
//! Files whose content this kernel doesn't have are absent rather than empty.

mod cpu;
mod memory;
mod process;
mod sysctl;
mod system;
#[cfg(test)]
mod tests;
mod text;

use alloc::sync::Arc;
use core::fmt;

use abi::Result;
use fs::FileSystem;
use fs::inode::LinkTarget;
use fs::synthetic::{FixedDirectory, Node, SyntheticFs};
use sync::Once;
use text::Text;

/// PROC_SUPER_MAGIC.
const MAGIC: u64 = 0x9fa0;

/// Inode numbers: 1 is the root; fixed files count from here on as Linux's do; those of processes lie above all 32-bit numbers.
const ROOT_INODE: u64 = 1;
const FIRST_INODE: u64 = 0xf000_0000;

static COMMAND_LINE: Once<&'static str> = Once::new();

/// Remembers the kernel's command line for /proc/cmdline. The first call counts.
pub fn set_command_line(line: &'static str) {
    let _ = COMMAND_LINE.set(line);
}

/// The file system to be mounted on /proc. There is one, wherever it is mounted.
pub fn instance() -> Result<Arc<dyn FileSystem>> {
    static INSTANCE: Once<Arc<SyntheticFs>> = Once::new();
    Ok(INSTANCE.get_or_init(|| SyntheticFs::new("proc", MAGIC, Node::directory(ROOT_INODE, Arc::new(root())))).clone())
}

/// Writes one file.
type Writer = fn(&mut Text<'_>) -> fmt::Result;

/// A file that `writer` makes.
fn file(inode: u64, writer: Writer) -> Node {
    Node::file(inode, Arc::new(move |bytes: &mut alloc::vec::Vec<u8>| Text::fill(bytes, |text| writer(text))))
}

/// A link whose text is fixed.
fn link(inode: u64, target: &'static str) -> Node {
    Node::link(inode, Arc::new(move || Ok(LinkTarget::Text(Arc::from(target.as_bytes())))))
}

const FILES: [(&str, Writer); 14] = [
    ("cmdline", |text| text.line(COMMAND_LINE.get().copied().unwrap_or("").as_bytes())),
    ("cpuinfo", cpu::cpuinfo),
    ("devices", system::devices),
    ("filesystems", system::filesystems),
    ("interrupts", system::interrupt_counts),
    ("loadavg", system::loadavg),
    ("meminfo", memory::meminfo),
    ("partitions", |_| Ok(())),
    ("stat", system::stat),
    ("swaps", system::swaps),
    ("uptime", system::uptime),
    ("version", system::version),
    ("buddyinfo", memory::buddyinfo),
    ("vmstat", memory::vmstat),
];

fn root() -> FixedDirectory {
    let mut directory = FixedDirectory::new();
    let mut inode = FIRST_INODE;
    for (name, writer) in FILES {
        directory = directory.with(name, file(inode, writer));
        inode += 1;
    }
    if arch::interrupts::longest_off(0).is_some() {
        directory = directory.with("irqoff", file(inode + 3, system::interrupts_off));
    }
    directory
        .with("mounts", link(inode, "self/mounts"))
        .with("self", process::self_link(inode + 1))
        .with("thread-self", process::thread_self_link(inode + 2))
        .with("sys", sysctl::directory(inode + 0x100))
        .with_more(Arc::new(process::Processes))
}
