//! Files: the virtual file system and the file systems that live in memory.
//!
//! * [`FsContext`] holds a process's root, working directory and umask; all calls with a path are its methods: [`FsContext::resolve`],
//!   [`FsContext::open`], [`FsContext::make_directory`], [`FsContext::rename`] …
//! * [`Path`] is a place in the tree of [`Mount`]s, made of [`Dentry`]s, each of which ties a name to an [`Inode`].
//! * [`OpenFile`] is an open-file description over a [`File`]; an [`FdTable`] numbers them.
//! * [`epoll`], [`event_file`] and [`timer_file`] are files of which programs wait for many things at once.
//! * [`tmpfs`], [`devices`] (/dev), [`pipe`], [`synthetic`] (the frame of /proc) and [`initramfs`] are what can be in it; [`locks`] are fcntl(2)'s and flock(2)'s.
//!
//! Nothing here waits. A read or write that cannot go on says EAGAIN and names a wait queue; the room above waits there and tries again.
#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod anonymous;
mod attributes;
mod context;
mod create;
pub mod credentials;
mod dentry;
pub mod devices;
mod directory_file;
pub mod epoll;
pub mod event_file;
mod fd_table;
pub mod file;
pub mod initramfs;
pub mod inode;
pub mod locks;
mod mapping;
pub mod metadata;
pub mod mount;
mod open;
mod open_file;
pub mod owner;
mod path;
mod path_file;
pub mod pipe;
pub mod random;
mod remove;
mod rename;
pub mod synthetic;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
pub mod timer_file;
pub mod tmpfs;
pub mod turn;
mod walk;
pub mod wall_clock;
mod writers;

pub use attributes::TimeChange;
pub use context::FsContext;
pub use credentials::Credentials;
pub use dentry::{Dentry, NAME_MAX};
pub use fd_table::{FdTable, NR_OPEN};
pub use file::{File, FileQueue, Io, OpenFlags, PollEvents, SeekKind, Side};
pub use inode::{DirectoryEntry, FileSystem, Inode, LinkTarget, NewKind, NewNode, OpenRequest};
pub use metadata::{DeviceNumber, FileType, FsStatistics, Metadata, Ownership};
pub use mount::{Mount, MountFlags};
pub use open::{Opened, PendingOpen};
pub use open_file::{OpenFile, SETTABLE, Whence};
pub use path::Path;
pub use rename::RenameMode;
pub use tmpfs::Tmpfs;
pub use turn::{Turn, TurnGuard};
pub use walk::{LINKS_MAX, LastKind, LookupFlags, Name, PATH_MAX, Parent};
pub use writers::{TextHold, WriterCount};
