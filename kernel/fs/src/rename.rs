//! rename(2) and renameat2(2).

use alloc::sync::Arc;

use abi::{Errno, Result};

use crate::context::FsContext;
use crate::credentials::{Credentials, access};
use crate::dentry::Dentry;
use crate::path::Path;
use crate::remove::{check_may_remove, check_not_mounted};
use crate::turn::{Turn, TurnGuard};
use crate::walk::{LastKind, Parent};

/// RENAME_NOREPLACE and RENAME_EXCHANGE of renameat2(2).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RenameMode {
    /// What rename(2) does.
    Replace,
    /// EEXIST when the new name is there.
    NoReplace,
    /// Both names must be there; they swap.
    Exchange,
}

impl RenameMode {
    /// From the flags of renameat2(2). EINVAL for unknown or clashing ones, and for RENAME_WHITEOUT, which no file system here has.
    pub fn from_flags(flags: u32) -> Result<RenameMode> {
        match flags {
            0 => Ok(RenameMode::Replace),
            1 => Ok(RenameMode::NoReplace),
            2 => Ok(RenameMode::Exchange),
            _ => Err(Errno::EINVAL),
        }
    }
}

/// Moves between two directories come one at a time, so that "is this an ancestor of that" stays true while it matters.
static ACROSS: Turn = Turn::new();

/// The turns of the directories of a rename. Two directories are locked ancestor first, or by address when neither is the other's.
struct Turns<'a> {
    _across: Option<TurnGuard<'a>>,
    _first: TurnGuard<'a>,
    _second: Option<TurnGuard<'a>>,
}

fn take_turns<'a>(one: &'a Arc<Dentry>, two: &'a Arc<Dentry>) -> Turns<'a> {
    if Arc::ptr_eq(one, two) {
        return Turns { _across: None, _first: one.turn.take(), _second: None };
    }
    let across = ACROSS.take();
    let two_first = one.is_within(two) || (!two.is_within(one) && Arc::as_ptr(two) < Arc::as_ptr(one));
    let (first, second) = if two_first { (two, one) } else { (one, two) };
    Turns { _across: Some(across), _first: first.turn.take(), _second: Some(second.turn.take()) }
}

impl FsContext {
    /// renameat2(2): EXDEV across mounts, EBUSY for "/", ".", ".." and mount points, EINVAL into its own child, ENOTDIR, EISDIR, ENOTEMPTY, EEXIST.
    pub fn rename(
        &self,
        credentials: &Credentials,
        from: (Option<&Path>, &[u8]),
        to: (Option<&Path>, &[u8]),
        mode: RenameMode,
    ) -> Result<()> {
        let source = self.resolve_parent(credentials, from.0, from.1)?;
        let target = self.resolve_parent(credentials, to.0, to.1)?;
        if !Arc::ptr_eq(&source.path.mount, &target.path.mount) {
            return Err(Errno::EXDEV);
        }
        if source.kind != LastKind::Name {
            return Err(Errno::EBUSY);
        }
        if target.kind != LastKind::Name {
            return Err(if mode == RenameMode::NoReplace { Errno::EEXIST } else { Errno::EBUSY });
        }
        source.path.mount().check_writable()?;
        let gone = {
            let _turns = take_turns(&source.path.dentry, &target.path.dentry);
            rename_in_turns(credentials, &source, &target, mode)?
        };
        drop(gone);
        Ok(())
    }
}

/// Does the rename; gives back the entry that was replaced, to be dropped after the turns.
fn rename_in_turns(credentials: &Credentials, source: &Parent, target: &Parent, mode: RenameMode) -> Result<Option<Arc<Dentry>>> {
    let (old_directory, new_directory) = (&source.path.dentry, &target.path.dentry);
    let moved = old_directory.lookup_in_turn(&source.name)?;
    let present = match new_directory.lookup_in_turn(&target.name) {
        Ok(present) => Some(present),
        Err(Errno::ENOENT) => None,
        Err(error) => return Err(error),
    };
    match (&present, mode) {
        (Some(_), RenameMode::NoReplace) => return Err(Errno::EEXIST),
        (None, RenameMode::Exchange) => return Err(Errno::ENOENT),
        (Some(present), RenameMode::Exchange) if !present.is_directory() && target.trailing_slash => return Err(Errno::ENOTDIR),
        _ => {}
    }
    if !moved.is_directory() && (source.trailing_slash || (mode != RenameMode::Exchange && target.trailing_slash)) {
        return Err(Errno::ENOTDIR);
    }
    // A directory must not become its own ancestor, nor swallow the directory that holds it.
    if new_directory.is_within(&moved) {
        return Err(Errno::EINVAL);
    }
    if let Some(present) = &present
        && old_directory.is_within(present)
    {
        return Err(if mode == RenameMode::Exchange { Errno::EINVAL } else { Errno::ENOTEMPTY });
    }
    // Two names of one file: nothing to do, says POSIX.
    if let Some(present) = &present
        && (Arc::ptr_eq(present, &moved) || Arc::ptr_eq(present.inode(), moved.inode()))
    {
        return Ok(None);
    }
    check_rights(credentials, source, target, &moved, present.as_ref(), mode)?;
    let inode = old_directory.inode();
    if mode == RenameMode::Exchange {
        inode.exchange(&source.name, new_directory.inode(), &target.name)?;
        if let Some(present) = &present {
            new_directory.move_child(present, old_directory, &source.name);
        }
        old_directory.move_child(&moved, new_directory, &target.name);
        return Ok(None);
    }
    inode.rename(&source.name, new_directory.inode(), &target.name)?;
    if let Some(present) = &present {
        new_directory.detach(present);
    }
    old_directory.move_child(&moved, new_directory, &target.name);
    Ok(present)
}

fn check_rights(
    credentials: &Credentials,
    source: &Parent,
    target: &Parent,
    moved: &Arc<Dentry>,
    present: Option<&Arc<Dentry>>,
    mode: RenameMode,
) -> Result<()> {
    let (old_directory, new_directory) = (&source.path.dentry, &target.path.dentry);
    check_may_remove(credentials, old_directory, moved)?;
    match present {
        None => {
            if new_directory.is_deleted() {
                return Err(Errno::ENOENT);
            }
            credentials.check(&new_directory.inode().ownership(), access::WRITE | access::EXECUTE)?;
        }
        Some(present) => {
            check_may_remove(credentials, new_directory, present)?;
            if mode == RenameMode::Replace {
                match (moved.is_directory(), present.is_directory()) {
                    (true, false) => return Err(Errno::ENOTDIR),
                    (false, true) => return Err(Errno::EISDIR),
                    _ => {}
                }
            }
        }
    }
    // A directory that gets another parent has its ".." rewritten: that takes write access to it.
    if !Arc::ptr_eq(old_directory, new_directory) {
        let swapped = present.filter(|_| mode == RenameMode::Exchange);
        for entry in core::iter::once(moved).chain(swapped) {
            if entry.is_directory() {
                credentials.check(&entry.inode().ownership(), access::WRITE)?;
            }
        }
    }
    check_not_mounted(&source.path, moved)?;
    present.map_or(Ok(()), |present| check_not_mounted(&target.path, present))
}
