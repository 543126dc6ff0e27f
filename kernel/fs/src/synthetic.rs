//! A frame for file systems whose files are made when they are read: /proc, /sys.
//!
//! Another room says what there is by three small traits, [`Directory`], [`Content`] and [`Link`] (closures serve for the last two); this file turns
//! them into inodes and open files. Nothing is stored here: a directory is asked anew at each lookup, unless a node is `lasting`.

use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::any::Any;

use abi::{Errno, Result};
use memory::{IoSink, IoSource};
use sync::SpinLock;

use crate::anonymous::new_device;
use crate::dentry::{Dentry, NAME_MAX};
use crate::devices::Opener;
use crate::file::{File, Io, SeekKind};
use crate::inode::{DirectoryEntry, DirectorySink, FIRST_ENTRY, FileSystem, Inode, LinkTarget, NewNode, OpenRequest};
use crate::metadata::{AttributeChange, DeviceNumber, FileType, FsStatistics, Metadata, Ownership};
use crate::wall_clock;

/// A directory whose entries are computed.
pub trait Directory: Send + Sync {
    /// The entry `name`.
    fn lookup(&self, name: &[u8]) -> Option<Node>;

    /// The first entry at or after the position `from` (0 at the start). Positions are the directory's own: a pid, an index. They must stay
    /// right while entries come and go, and be below 2⁶².
    fn entry(&self, from: u64) -> Option<Listed>;
}

/// An entry in a listing.
pub struct Listed {
    pub name: Vec<u8>,
    pub inode: u64,
    pub file_type: FileType,
    /// The position behind this entry.
    pub next: u64,
}

/// The bytes of a file.
pub trait Content: Send + Sync {
    /// Makes the whole text anew; called when reading starts (at position 0).
    fn generate(&self, text: &mut Vec<u8>) -> Result<()>;

    /// Takes what a program writes, one write(2) at a time. EPERM-like refusal belongs into the mode; EIO when writing makes no sense.
    fn write(&self, bytes: &[u8]) -> Result<()> {
        let _ = bytes;
        Err(Errno::EIO)
    }
}

impl<F: Fn(&mut Vec<u8>) -> Result<()> + Send + Sync> Content for F {
    fn generate(&self, text: &mut Vec<u8>) -> Result<()> {
        self(text)
    }
}

/// Where a symbolic link leads, decided when it is followed.
pub trait Link: Send + Sync {
    fn follow(&self) -> Result<LinkTarget>;

    /// What readlink(2) shows; by default the text, or the path of the place.
    fn text(&self) -> Result<Arc<[u8]>> {
        match self.follow()? {
            LinkTarget::Text(text) => Ok(text),
            LinkTarget::Jump(path) => Ok(Arc::from(path.display())),
        }
    }
}

impl<F: Fn() -> Result<LinkTarget> + Send + Sync> Link for F {
    fn follow(&self) -> Result<LinkTarget> {
        self()
    }
}

/// What a node is.
#[derive(Clone)]
pub enum Kind {
    Directory(Arc<dyn Directory>),
    File(Arc<dyn Content>),
    Link(Arc<dyn Link>),
    /// A regular file whose open file another room makes.
    Special(Arc<dyn Opener>),
}

impl Kind {
    fn file_type(&self) -> FileType {
        match self {
            Kind::Directory(_) => FileType::Directory,
            Kind::File(_) | Kind::Special(_) => FileType::Regular,
            Kind::Link(_) => FileType::Symlink,
        }
    }
}

/// A node: what it is, and how it shows in stat(2).
#[derive(Clone)]
pub struct Node {
    pub kind: Kind,
    /// Permission bits.
    pub mode: u32,
    pub uid: u32,
    pub gid: u32,
    /// The inode number: the same for the same thing at each lookup, never 0.
    pub inode: u64,
    /// st_nlink.
    pub links: u32,
    /// The name always means this: the directory cache may keep it. False for what vanishes by itself.
    pub lasting: bool,
}

impl Node {
    fn new(kind: Kind, mode: u32, inode: u64) -> Node {
        let links = if matches!(kind, Kind::Directory(_)) { 2 } else { 1 };
        Node { kind, mode, uid: 0, gid: 0, inode, links, lasting: false }
    }

    /// A directory, mode 0555, owner root.
    pub fn directory(inode: u64, directory: Arc<dyn Directory>) -> Node {
        Node::new(Kind::Directory(directory), 0o555, inode)
    }

    /// A file, mode 0444, owner root.
    pub fn file(inode: u64, content: Arc<dyn Content>) -> Node {
        Node::new(Kind::File(content), 0o444, inode)
    }

    /// A symbolic link, mode 0777, owner root.
    pub fn link(inode: u64, link: Arc<dyn Link>) -> Node {
        Node::new(Kind::Link(link), 0o777, inode)
    }

    /// A file with an opener of its own, mode 0444, owner root.
    pub fn special(inode: u64, opener: Arc<dyn Opener>) -> Node {
        Node::new(Kind::Special(opener), 0o444, inode)
    }

    #[must_use]
    pub fn mode(self, mode: u32) -> Node {
        Node { mode, ..self }
    }

    #[must_use]
    pub fn owner(self, uid: u32, gid: u32) -> Node {
        Node { uid, gid, ..self }
    }

    #[must_use]
    pub fn lasting(self) -> Node {
        Node { lasting: true, ..self }
    }
}

/// A directory with fixed entries, and optionally others behind them (the pids of /proc).
#[derive(Default)]
pub struct FixedDirectory {
    names: BTreeMap<&'static str, usize>,
    nodes: Vec<(&'static str, Node)>,
    more: Option<Arc<dyn Directory>>,
}

impl FixedDirectory {
    pub fn new() -> FixedDirectory {
        FixedDirectory::default()
    }

    /// Adds an entry; a lasting one.
    #[must_use]
    pub fn with(mut self, name: &'static str, node: Node) -> FixedDirectory {
        self.names.insert(name, self.nodes.len());
        self.nodes.push((name, node.lasting()));
        self
    }

    /// Adds entries of another directory behind the fixed ones.
    #[must_use]
    pub fn with_more(self, more: Arc<dyn Directory>) -> FixedDirectory {
        FixedDirectory { more: Some(more), ..self }
    }
}

impl Directory for FixedDirectory {
    fn lookup(&self, name: &[u8]) -> Option<Node> {
        let fixed = core::str::from_utf8(name).ok().and_then(|name| self.nodes.get(*self.names.get(name)?));
        match fixed {
            Some((_, node)) => Some(node.clone()),
            None => self.more.as_ref()?.lookup(name),
        }
    }

    fn entry(&self, from: u64) -> Option<Listed> {
        let count = self.nodes.len() as u64;
        if let Some((name, node)) = usize::try_from(from).ok().and_then(|index| self.nodes.get(index)) {
            let (inode, file_type) = (node.inode, node.kind.file_type());
            return Some(Listed { name: name.as_bytes().to_vec(), inode, file_type, next: from + 1 });
        }
        let listed = self.more.as_ref()?.entry(from.saturating_sub(count))?;
        Some(Listed { next: listed.next.saturating_add(count), ..listed })
    }
}

/// A file system of such nodes.
pub struct SyntheticFs {
    name: &'static str,
    magic: u64,
    device: DeviceNumber,
    root: Arc<Dentry>,
}

impl SyntheticFs {
    /// `name` is its kind in /proc/mounts, `magic` its `f_type` in statfs(2).
    pub fn new(name: &'static str, magic: u64, root: Node) -> Arc<SyntheticFs> {
        let device = new_device();
        let root: Arc<dyn Inode> = Arc::new(SyntheticInode { node: root.lasting(), device });
        Arc::new(SyntheticFs { name, magic, device, root: Dentry::root(root) })
    }
}

impl FileSystem for SyntheticFs {
    fn name(&self) -> &'static str {
        self.name
    }

    fn root(&self) -> &Arc<Dentry> {
        &self.root
    }

    fn statistics(&self) -> FsStatistics {
        FsStatistics {
            kind: self.magic,
            block_size: memory::PAGE_SIZE as u64,
            name_max: NAME_MAX as u64,
            identity: self.device.word(),
            ..Default::default()
        }
    }
}

struct SyntheticInode {
    node: Node,
    device: DeviceNumber,
}

impl Inode for SyntheticInode {
    /// As on Linux, where a name that /proc does not have cannot even be looked up to be made.
    fn create(&self, _name: &[u8], _new: &NewNode<'_>) -> Result<Arc<dyn Inode>> {
        Err(Errno::ENOENT)
    }

    fn metadata(&self) -> Metadata {
        let now = wall_clock::now();
        let Ownership { mode, uid, gid } = self.ownership();
        Metadata {
            device: self.device,
            inode: self.node.inode,
            mode,
            links: self.node.links,
            uid,
            gid,
            rdev: DeviceNumber::NONE,
            size: 0,
            block_size: 1024,
            blocks: 0,
            accessed: now,
            modified: now,
            changed: now,
            born: now,
        }
    }

    fn ownership(&self) -> Ownership {
        Ownership { mode: self.node.kind.file_type().mode_bits() | self.node.mode, uid: self.node.uid, gid: self.node.gid }
    }

    fn file_type(&self) -> FileType {
        self.node.kind.file_type()
    }

    fn change(&self, _change: &AttributeChange) -> Result<()> {
        Err(Errno::EPERM)
    }

    fn truncate(&self, _size: u64) -> Result<()> {
        // "echo 1 >/proc/sys/…" opens with O_TRUNC; there is nothing to cut.
        match self.node.kind {
            Kind::File(_) | Kind::Special(_) => Ok(()),
            _ => Err(Errno::EINVAL),
        }
    }

    fn cacheable(&self) -> bool {
        self.node.lasting
    }

    fn lookup(&self, name: &[u8]) -> Result<Arc<dyn Inode>> {
        let Kind::Directory(directory) = &self.node.kind else { return Err(Errno::ENOTDIR) };
        let node = directory.lookup(name).ok_or(Errno::ENOENT)?;
        Ok(Arc::new(SyntheticInode { node, device: self.device }))
    }

    fn read_directory(&self, position: u64, sink: &mut DirectorySink<'_>) -> Result<()> {
        let Kind::Directory(directory) = &self.node.kind else { return Err(Errno::ENOTDIR) };
        let mut at = position.saturating_sub(FIRST_ENTRY);
        while let Some(Listed { name, inode, file_type, next }) = directory.entry(at) {
            let entry = DirectoryEntry { name: &name, inode, file_type, next: next.saturating_add(FIRST_ENTRY) };
            if !sink(entry) || next <= at {
                break;
            }
            at = next;
        }
        Ok(())
    }

    fn follow(&self) -> Result<LinkTarget> {
        match &self.node.kind {
            Kind::Link(link) => link.follow(),
            _ => Err(Errno::EINVAL),
        }
    }

    fn read_link(&self) -> Result<Arc<[u8]>> {
        match &self.node.kind {
            Kind::Link(link) => link.text(),
            _ => Err(Errno::EINVAL),
        }
    }

    fn open(self: Arc<Self>, request: &OpenRequest<'_>) -> Result<Arc<dyn File>> {
        match &self.node.kind {
            Kind::File(content) => Ok(Arc::new(SyntheticFile { content: content.clone(), text: SpinLock::new(None) })),
            Kind::Special(opener) => opener.open(request),
            Kind::Directory(_) | Kind::Link(_) => Err(Errno::ENXIO),
        }
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// The longest single write that a generated file takes.
const WRITE_MAX: usize = memory::PAGE_SIZE;

/// An open generated file. The text is made when reading starts and kept for the reads that follow, so that they fit together.
struct SyntheticFile {
    content: Arc<dyn Content>,
    text: SpinLock<Option<Arc<Vec<u8>>>>,
}

impl SyntheticFile {
    fn text(&self, anew: bool) -> Result<Arc<Vec<u8>>> {
        if !anew && let Some(text) = self.text.lock().clone() {
            return Ok(text);
        }
        memory::frames::admit()?;
        let mut text = Vec::new();
        self.content.generate(&mut text)?;
        let text = Arc::new(text);
        let old = self.text.lock().replace(text.clone());
        drop(old);
        Ok(text)
    }
}

impl File for SyntheticFile {
    fn try_read(&self, io: &mut Io, sink: &mut IoSink<'_>) -> Result<usize> {
        let text = self.text(io.position == 0)?;
        let rest = usize::try_from(io.position).ok().and_then(|at| text.get(at..)).unwrap_or(&[]);
        if rest.is_empty() {
            return Ok(0);
        }
        let count = sink.put(rest)?;
        io.position += count as u64;
        Ok(count)
    }

    fn try_write(&self, io: &mut Io, source: &mut IoSource<'_>) -> Result<usize> {
        let length = source.remaining();
        if length > WRITE_MAX {
            return Err(Errno::EINVAL);
        }
        let mut bytes = alloc::vec![0; length];
        let count = source.take(&mut bytes)?;
        self.content.write(bytes.get(..count).unwrap_or(&[]))?;
        io.position += count as u64;
        Ok(count)
    }

    fn seek_kind(&self) -> SeekKind {
        SeekKind::Positioned
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
