//! Regular files of tmpfs.

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::any::Any;
use core::ops::Range;
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use abi::time::Timespec;
use abi::{Errno, Result};
use memory::{IoSink, IoSource, MappedFile, MappedName, PAGE_SIZE, PageCache};

use super::Shared;
use super::common::Common;
use crate::file::{File, Io, OpenFlags, SeekKind};
use crate::inode::{Inode, NewNode, OpenRequest};
use crate::metadata::{AttributeChange, DeviceNumber, FileType, Metadata, Ownership};
use crate::turn::Turn;
use crate::writers::WriterCount;

/// The largest file, in bytes.
const SIZE_MAX: u64 = i64::MAX as u64;
const PAGE: u64 = PAGE_SIZE as u64;

/// A regular file: the node is its own open file too, as all openings are alike.
pub(crate) struct RegularNode {
    common: Common,
    cache: PageCache,
    /// Bytes. An atomic, because page faults read it with the address space locked.
    size: AtomicU64,
    /// Held by whoever writes or changes the size, so that appending writes do not overlap.
    turn: Turn,
    writers: WriterCount,
    /// Made by O_TMPFILE and not named since.
    may_be_named: AtomicBool,
    /// The name that /proc shows for a file that can never have one in a directory.
    label: Option<String>,
}

impl RegularNode {
    pub fn create(shared: &Arc<Shared>, new: &NewNode<'_>) -> Result<Arc<RegularNode>> {
        RegularNode::make(shared, new, 1, None)
    }

    /// A file with no name: by O_TMPFILE, or with a `label` by memfd_create.
    pub fn create_unnamed(shared: &Arc<Shared>, new: &NewNode<'_>, label: Option<String>) -> Result<Arc<RegularNode>> {
        let node = RegularNode::make(shared, new, 0, label)?;
        node.may_be_named.store(node.label.is_none(), Ordering::Relaxed);
        Ok(node)
    }

    fn make(shared: &Arc<Shared>, new: &NewNode<'_>, links: u32, label: Option<String>) -> Result<Arc<RegularNode>> {
        Ok(Arc::new(RegularNode {
            common: Common::new(shared, new, links)?,
            cache: PageCache::new(None, Some(shared.clone())),
            size: AtomicU64::new(0),
            turn: Turn::new(),
            writers: WriterCount::new(),
            may_be_named: AtomicBool::new(false),
            label,
        }))
    }

    pub fn common(&self) -> &Common {
        &self.common
    }

    /// Whether link(2) may give this nameless file a name; it is asked once.
    pub fn may_be_named(&self) -> bool {
        self.may_be_named.swap(false, Ordering::Relaxed)
    }

    fn length(&self) -> u64 {
        self.size.load(Ordering::Acquire)
    }

    /// Writes at most `most` bytes, for the rare write that a limit cuts short.
    fn write_limited(&self, position: u64, most: u64, source: &mut IoSource<'_>) -> Result<usize> {
        let mut moved: u64 = 0;
        while moved < most && source.remaining() > 0 {
            let at = position + moved;
            let offset = (at % PAGE) as usize;
            let wanted = (PAGE - offset as u64).min(most - moved).min(source.remaining() as u64) as usize;
            let outcome = self.cache.get_or_create(at / PAGE).and_then(|page| source.take_to_page(&page, offset, wanted));
            match outcome {
                Ok(count) => {
                    moved += count as u64;
                    if count < wanted {
                        break;
                    }
                }
                Err(_) if moved > 0 => break,
                Err(error) => return Err(error),
            }
        }
        Ok(moved as usize)
    }
}

impl Inode for RegularNode {
    fn metadata(&self) -> Metadata {
        self.common.metadata(self.length(), self.cache.resident() * (PAGE / 512), DeviceNumber::NONE)
    }

    fn ownership(&self) -> Ownership {
        self.common.ownership()
    }

    fn file_type(&self) -> FileType {
        FileType::Regular
    }

    fn change(&self, change: &AttributeChange) -> Result<()> {
        self.common.change(change);
        Ok(())
    }

    fn truncate(&self, size: u64) -> Result<()> {
        if size > SIZE_MAX {
            return Err(Errno::EFBIG);
        }
        let _turn = self.turn.take();
        let old = self.size.swap(size, Ordering::AcqRel);
        if size < old {
            self.cache.truncate(size);
        }
        self.common.modified();
        Ok(())
    }

    fn accessed(&self, now: Timespec) {
        self.common.accessed(now);
    }

    fn open(self: Arc<Self>, _request: &OpenRequest<'_>) -> Result<Arc<dyn File>> {
        Ok(self)
    }

    fn mapping(self: Arc<Self>) -> Option<Arc<dyn MappedFile>> {
        Some(self)
    }

    fn writers(&self) -> Option<&WriterCount> {
        Some(&self.writers)
    }

    fn label(&self) -> Option<String> {
        self.label.clone()
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl File for RegularNode {
    fn try_read(&self, io: &mut Io, sink: &mut IoSink<'_>) -> Result<usize> {
        let count = self.cache.read_at(io.position, self.length(), sink)?;
        io.position += count as u64;
        Ok(count)
    }

    fn try_write(&self, io: &mut Io, source: &mut IoSource<'_>) -> Result<usize> {
        let total = source.remaining() as u64;
        let _turn = self.turn.take();
        let position = if io.flags.contains(OpenFlags::APPEND) { self.length() } else { io.position };
        if total == 0 {
            return Ok(0);
        }
        let room = io.limit.min(SIZE_MAX).checked_sub(position).filter(|&room| room > 0).ok_or(Errno::EFBIG)?;
        let count = if total <= room { self.cache.write_at(position, source)? } else { self.write_limited(position, room, source)? };
        io.position = position + count as u64;
        if count > 0 {
            self.size.fetch_max(io.position, Ordering::AcqRel);
            self.common.modified();
        }
        Ok(count)
    }

    fn seek_kind(&self) -> SeekKind {
        SeekKind::Positioned
    }

    fn size(&self) -> u64 {
        self.length()
    }

    fn next_data(&self, from: u64) -> Result<u64> {
        let next = self.cache.next_resident(from / PAGE).map(|index| from.max(index * PAGE));
        next.filter(|&at| from < self.length() && at < self.length()).ok_or(Errno::ENXIO)
    }

    fn next_hole(&self, from: u64) -> Result<u64> {
        let end = self.length();
        if from >= end {
            return Err(Errno::ENXIO);
        }
        let mut index = from / PAGE;
        while index * PAGE < end && self.cache.next_resident(index) == Some(index) {
            index += 1;
        }
        Ok((index * PAGE).max(from).min(end))
    }

    fn sync(&self) -> Result<()> {
        Ok(())
    }

    fn allocate(&self, range: Range<u64>, keep_size: bool, punch_hole: bool) -> Result<()> {
        if range.end > SIZE_MAX {
            return Err(Errno::EFBIG);
        }
        let _turn = self.turn.take();
        if punch_hole {
            self.cache.punch(range);
            self.common.modified();
            return Ok(());
        }
        let mut made: Vec<u64> = Vec::new();
        for index in range.start / PAGE..range.end.div_ceil(PAGE) {
            if self.cache.get(index).is_some() {
                continue;
            }
            let outcome = made.try_reserve(1).map_err(|_| Errno::ENOMEM).and_then(|()| self.cache.get_or_create(index));
            if let Err(error) = outcome {
                // All or nothing: what was made just now goes again.
                for index in made {
                    self.cache.punch(index * PAGE..(index + 1) * PAGE);
                }
                return Err(error);
            }
            made.push(index);
        }
        if !keep_size {
            self.size.fetch_max(range.end, Ordering::AcqRel);
        }
        self.common.modified();
        Ok(())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl MappedFile for RegularNode {
    fn cache(&self) -> &PageCache {
        &self.cache
    }

    fn size(&self) -> u64 {
        self.length()
    }

    fn describe(&self) -> MappedName {
        let path = self.label.clone().unwrap_or_default();
        MappedName { device: self.common.shared.device.word(), inode: self.common.inode, path }
    }
}
