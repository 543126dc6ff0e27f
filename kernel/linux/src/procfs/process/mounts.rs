//! /proc/PID/mounts and mountinfo: the mounts that a process sees.

use alloc::vec::Vec;
use core::fmt::Write;

use abi::{Errno, Result};
use fs::Path;

use super::Subject;
use crate::procfs::text::Text;

/// Characters that would break the fields apart.
const SPECIAL: &[u8] = b" \t\n#";

fn root_of(subject: Subject) -> Result<Path> {
    let thread = subject.thread()?.ok_or(Errno::EINVAL)?;
    Ok(thread.fs().map_err(|_| Errno::EINVAL)?.root())
}

pub(super) fn mounts(subject: Subject, text: &mut Vec<u8>) -> Result<()> {
    let table = fs::mount::mounts_text(&root_of(subject)?);
    Text::fill(text, |text| text.bytes(&table))
}

/// One line a mount: id, parent, device, root, place, options, "-", kind, source, options of the file system.
pub(super) fn mountinfo(subject: Subject, text: &mut Vec<u8>) -> Result<()> {
    let root = root_of(subject)?;
    Text::fill(text, |text| {
        for mount in fs::mount::list(root.mount()) {
            let place = Path::root_of(&mount).absolute(&root);
            if place.starts_with(b"(unreachable)") {
                continue;
            }
            let parent = mount.attached_at().map_or(0, |at| at.mount().id());
            let device = mount.root().inode().metadata().device;
            write!(text, "{} {parent} {}:{} ", mount.id(), device.major(), device.minor())?;
            // A bind mount shows a part of its file system.
            let mut names = Vec::new();
            let mut at = mount.root().clone();
            while let Some(above) = at.parent() {
                names.push(at.name());
                at = above;
            }
            if names.is_empty() {
                text.write_str("/")?;
            }
            for name in names.iter().rev() {
                text.write_str("/")?;
                text.escaped(name, SPECIAL)?;
            }
            text.write_str(" ")?;
            text.escaped(&place, SPECIAL)?;
            write!(text, " {} - {} ", mount.flags().describe(), mount.fs().name())?;
            text.escaped(mount.source().as_bytes(), SPECIAL)?;
            writeln!(text, " rw{}", mount.fs().options())?;
        }
        Ok(())
    })
}
