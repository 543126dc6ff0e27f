//! The path walk: from bytes to a place (path_resolution(7)).
//!
//! One loop, no recursion: the texts of symbolic links on the way lie on a small stack of what is still to be walked, and at most
//! [`LINKS_MAX`] of them are followed in one walk. A component that the directory cache knows costs no allocation.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::ops::Deref;

use abi::{Errno, Result};
use bitflags::bitflags;

use crate::credentials::{Credentials, access};
use crate::dentry::{Dentry, NAME_MAX};
use crate::inode::LinkTarget;
use crate::metadata::FileType;
use crate::path::Path;

/// The longest path, with its terminating zero byte (PATH_MAX).
pub const PATH_MAX: usize = 4096;
/// How many symbolic links one walk follows before ELOOP.
pub const LINKS_MAX: u32 = 40;

bitflags! {
    /// How a path is resolved.
    #[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
    pub struct LookupFlags: u32 {
        /// A symbolic link as the last component is followed.
        const FOLLOW_LAST = 1;
        /// The result must be a directory (ENOTDIR).
        const DIRECTORY = 2;
        /// An empty path means the base itself (AT_EMPTY_PATH); otherwise it is ENOENT.
        const EMPTY_PATH = 4;
        /// Accepted and without effect: there are no automounts.
        const NO_AUTOMOUNT = 8;
    }
}

/// The name of one entry, held without a heap allocation.
#[derive(Clone)]
pub struct Name {
    length: u8,
    bytes: [u8; NAME_MAX],
}

impl Name {
    /// A copy of `name`; names above [`NAME_MAX`] bytes were refused before.
    fn of(name: &[u8]) -> Name {
        let mut bytes = [0; NAME_MAX];
        let length = name.len().min(NAME_MAX);
        for (to, from) in bytes.iter_mut().zip(name) {
            *to = *from;
        }
        Name { length: length as u8, bytes }
    }
}

impl Deref for Name {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.bytes.get(..self.length as usize).unwrap_or(&[])
    }
}

/// What the last component of a path is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LastKind {
    /// An ordinary name.
    Name,
    /// ".".
    Dot,
    /// "..".
    DotDot,
    /// There is no last component: the path is "/" (or "//" …), or a magic link led straight to the place.
    Root,
}

/// A path up to its last component: what the calls that make and remove names work on.
pub struct Parent {
    /// The directory; for [`LastKind::Root`] the place itself.
    pub path: Path,
    /// The last component, when `kind` is [`LastKind::Name`].
    pub name: Name,
    pub kind: LastKind,
    /// Slashes followed the last component: it must be a directory.
    pub trailing_slash: bool,
}

#[derive(Clone)]
enum Text<'a> {
    Given(&'a [u8]),
    Link(Arc<[u8]>),
}

impl Text<'_> {
    fn bytes(&self) -> &[u8] {
        match self {
            Text::Given(bytes) => bytes,
            Text::Link(bytes) => bytes,
        }
    }
}

struct Rest<'a> {
    text: Text<'a>,
    position: usize,
}

/// A component, as a part of the text that it stands in.
struct Component<'a> {
    text: Text<'a>,
    start: usize,
    end: usize,
}

impl Component<'_> {
    fn bytes(&self) -> &[u8] {
        self.text.bytes().get(self.start..self.end).unwrap_or(&[])
    }
}

/// A walk under way.
pub(crate) struct Walk<'a> {
    credentials: &'a Credentials,
    root: Path,
    at: Path,
    first: Rest<'a>,
    /// The texts of links being walked, the innermost last.
    links: Vec<Rest<'a>>,
    followed: u32,
    /// The component that was taken last.
    component: Component<'a>,
    trailing_slash: bool,
}

/// Whether the last component's symbolic link is followed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Follow {
    Yes,
    No,
}

impl<'a> Walk<'a> {
    /// A walk of `path` from `base`, or from `root` when the path is absolute. ENOENT for an empty path, ENAMETOOLONG for one of [`PATH_MAX`] bytes.
    pub fn new(credentials: &'a Credentials, root: Path, base: Path, path: &'a [u8]) -> Result<Walk<'a>> {
        if path.is_empty() {
            return Err(Errno::ENOENT);
        }
        if path.len() >= PATH_MAX {
            return Err(Errno::ENAMETOOLONG);
        }
        let at = if path.starts_with(b"/") { root.clone() } else { base };
        Ok(Walk {
            credentials,
            root,
            at,
            first: Rest { text: Text::Given(path), position: 0 },
            links: Vec::new(),
            followed: 0,
            component: Component { text: Text::Given(path), start: 0, end: 0 },
            trailing_slash: false,
        })
    }

    /// Takes the next component off what is left, into `self.component`. The second value tells whether it was the last one of the whole path.
    fn next(&mut self) -> Option<(LastKind, bool)> {
        loop {
            let rest = self.links.last_mut().unwrap_or(&mut self.first);
            let bytes = rest.text.bytes();
            let start = bytes.iter().skip(rest.position).position(|&byte| byte != b'/').map(|skip| rest.position + skip);
            let Some(start) = start else {
                // Only slashes are left here. Behind a link's text the walk goes on in the text that named the link.
                self.links.pop()?;
                continue;
            };
            let tail = bytes.get(start..).unwrap_or(&[]);
            let length = tail.iter().position(|&byte| byte == b'/').unwrap_or(tail.len());
            let kind = match tail.get(..length) {
                Some(b".") => LastKind::Dot,
                Some(b"..") => LastKind::DotDot,
                _ => LastKind::Name,
            };
            let slash_here = tail.len() > length;
            rest.position = start + length;
            if kind == LastKind::Name {
                self.component = Component { text: rest.text.clone(), start, end: start + length };
            }
            let ends_here = |rest: &Rest<'_>| rest.text.bytes().iter().skip(rest.position).all(|&byte| byte == b'/');
            // The innermost text first: it mostly goes on, and then the tails of the others, slashes by the thousand perhaps, are not looked at.
            let last = self.links.iter().rev().all(ends_here) && ends_here(&self.first);
            if last {
                let behind = |rest: &Rest<'_>| rest.position < rest.text.bytes().len();
                self.trailing_slash |= slash_here || self.links.iter().any(behind) || behind(&self.first);
            }
            return Some((kind, last));
        }
    }

    fn check_search(&self) -> Result<()> {
        if !self.at.is_directory() {
            return Err(Errno::ENOTDIR);
        }
        self.credentials.check(&self.at.inode().ownership(), access::EXECUTE)
    }

    /// Walks all but the last component; `self.at` is then its directory.
    fn reach_last(&mut self) -> Result<LastKind> {
        while let Some((kind, last)) = self.next() {
            self.check_search()?;
            if kind == LastKind::Name && self.component.end - self.component.start > NAME_MAX {
                return Err(Errno::ENAMETOOLONG);
            }
            if last {
                return Ok(kind);
            }
            match kind {
                LastKind::Name => {
                    let child = self.at.dentry.lookup(self.component.bytes())?;
                    self.enter(child)?;
                }
                LastKind::DotDot => {
                    self.at.up(&self.root);
                    self.at.cross_mounts();
                }
                LastKind::Dot | LastKind::Root => {}
            }
        }
        Ok(LastKind::Root)
    }

    /// Goes to `child` of the present directory, through a mount or along a symbolic link.
    fn enter(&mut self, child: Arc<Dentry>) -> Result<()> {
        if child.file_type() == FileType::Symlink {
            return self.follow(&child);
        }
        self.at.dentry = child;
        self.at.cross_mounts();
        Ok(())
    }

    fn follow(&mut self, link: &Arc<Dentry>) -> Result<()> {
        self.followed += 1;
        if self.followed > LINKS_MAX {
            return Err(Errno::ELOOP);
        }
        match link.inode().follow()? {
            LinkTarget::Text(text) => {
                if text.is_empty() {
                    return Err(Errno::ENOENT);
                }
                if text.first() == Some(&b'/') {
                    self.at = self.root.clone();
                }
                self.links.try_reserve(1).map_err(|_| Errno::ENOMEM)?;
                self.links.push(Rest { text: Text::Link(text), position: 0 });
            }
            LinkTarget::Jump(path) => self.at = path,
        }
        Ok(())
    }

    /// Walks to the end. The place exists.
    pub fn reach_end(mut self, follow: Follow, directory: bool) -> Result<Path> {
        loop {
            match self.reach_last()? {
                LastKind::Name => {
                    let child = self.at.dentry.lookup(self.component.bytes())?;
                    if child.file_type() == FileType::Symlink {
                        if follow == Follow::Yes || self.trailing_slash {
                            self.follow(&child)?;
                            continue;
                        }
                        self.at.dentry = child;
                    } else {
                        self.enter(child)?;
                    }
                }
                LastKind::DotDot => {
                    self.at.up(&self.root);
                    self.at.cross_mounts();
                }
                LastKind::Dot | LastKind::Root => {}
            }
            if (directory || self.trailing_slash) && !self.at.is_directory() {
                return Err(Errno::ENOTDIR);
            }
            return Ok(self.at);
        }
    }

    /// Walks to the last component, which need not exist. A link there is not followed.
    pub fn reach_parent(mut self) -> Result<Parent> {
        let kind = self.reach_last()?;
        Ok(self.into_parent(kind))
    }

    fn into_parent(self, kind: LastKind) -> Parent {
        Parent {
            path: self.at,
            name: Name::of(if kind == LastKind::Name { self.component.bytes() } else { &[] }),
            kind,
            trailing_slash: self.trailing_slash,
        }
    }

    /// Walks to the last component, following links there too, also ones that lead to nothing: where O_CREAT would make the file.
    /// What is there already comes along: the entry of that name, or the place that "/" or a magic link is.
    pub fn reach_creation(mut self, follow: Follow) -> Result<(Parent, Option<Path>)> {
        loop {
            let kind = self.reach_last()?;
            match kind {
                LastKind::Name => {}
                LastKind::Root => {
                    let place = self.at.clone();
                    return Ok((self.into_parent(kind), Some(place)));
                }
                LastKind::Dot | LastKind::DotDot => return Ok((self.into_parent(kind), None)),
            }
            let child = match self.at.dentry.lookup(self.component.bytes()) {
                Ok(child) => child,
                Err(Errno::ENOENT) => return Ok((self.into_parent(kind), None)),
                Err(error) => return Err(error),
            };
            if child.file_type() == FileType::Symlink && follow == Follow::Yes {
                self.follow(&child)?;
                continue;
            }
            let mut found = Path { mount: self.at.mount.clone(), dentry: child };
            found.cross_mounts();
            return Ok((self.into_parent(kind), Some(found)));
        }
    }
}
