//! The magic links of a process: following one leads straight to the place, whatever its path says.

use alloc::sync::Arc;

use abi::{Errno, Result};
use fs::Path;
use fs::inode::LinkTarget;
use fs::synthetic::Link;

use super::Subject;

/// A link to a place that depends on the process.
pub(super) struct PlaceLink {
    pub subject: Subject,
    pub follow: fn(Subject) -> Result<LinkTarget>,
}

impl Link for PlaceLink {
    fn follow(&self) -> Result<LinkTarget> {
        (self.follow)(self.subject)
    }

    fn text(&self) -> Result<Arc<[u8]>> {
        link_text(self.follow()?)
    }
}

/// What readlink(2) shows: the path as the reader sees it.
pub(super) fn link_text(target: LinkTarget) -> Result<Arc<[u8]>> {
    Ok(match target {
        LinkTarget::Text(text) => text,
        LinkTarget::Jump(path) => Arc::from(shown_to_caller(&path)),
    })
}

/// A path as seen from the root of the caller.
fn shown_to_caller(path: &Path) -> alloc::vec::Vec<u8> {
    match process::with_current(|thread| thread.fs()) {
        Some(Ok(context)) => path.absolute(&context.root()),
        _ => path.display(),
    }
}

/// The program file. ENOENT when there is none.
pub(super) fn exe(subject: Subject) -> Result<LinkTarget> {
    subject.check_access()?.image().executable.clone().map(LinkTarget::Jump).ok_or(Errno::ENOENT)
}

pub(super) fn cwd(subject: Subject) -> Result<LinkTarget> {
    subject.check_access()?;
    let thread = subject.thread()?.ok_or(Errno::ENOENT)?;
    Ok(LinkTarget::Jump(thread.fs().map_err(|_| Errno::ENOENT)?.working_directory()))
}

pub(super) fn root(subject: Subject) -> Result<LinkTarget> {
    subject.check_access()?;
    let thread = subject.thread()?.ok_or(Errno::ENOENT)?;
    Ok(LinkTarget::Jump(thread.fs().map_err(|_| Errno::ENOENT)?.root()))
}
