//! What the tests of this room share: memory, a fresh tree, short forms of the calls.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use abi::{Errno, Result};
use memory::{IoSink, IoSource};

use crate::tmpfs::TmpfsOptions;
use crate::walk::LookupFlags;
use crate::{Credentials, FsContext, Mount, MountFlags, OpenFile, OpenFlags, Path, RenameMode, Tmpfs};

/// Gives the kernel's memory its frames, once.
pub fn memory() {
    memory::frames::init_hosted(64 << 20);
}

/// A process that sees a tmpfs of its own.
pub struct World {
    pub fs: Arc<Tmpfs>,
    pub context: FsContext,
    pub who: Credentials,
}

impl World {
    pub fn new() -> World {
        World::with(&TmpfsOptions::unlimited())
    }

    pub fn with(options: &TmpfsOptions) -> World {
        memory();
        let fs = Tmpfs::new(options).unwrap();
        let context = FsContext::new(Path::root_of(&Mount::new(fs.clone(), "root", MountFlags::empty())));
        World { fs, context, who: Credentials::root() }
    }

    /// The same tree for another user.
    pub fn as_user(&self, uid: u32, gid: u32) -> World {
        World { fs: self.fs.clone(), context: self.context.duplicate(), who: Credentials::user(uid, gid) }
    }

    pub fn find(&self, path: &str) -> Result<Path> {
        self.context.resolve(&self.who, None, path.as_bytes(), LookupFlags::FOLLOW_LAST)
    }

    pub fn find_itself(&self, path: &str) -> Result<Path> {
        self.context.resolve(&self.who, None, path.as_bytes(), LookupFlags::empty())
    }

    pub fn open(&self, path: &str, flags: OpenFlags) -> Result<Arc<OpenFile>> {
        self.context.open(&self.who, None, path.as_bytes(), flags, 0o666)?.now()
    }

    pub fn create(&self, path: &str, content: &[u8]) -> Result<Arc<OpenFile>> {
        let file = self.open(path, OpenFlags::RDWR | OpenFlags::CREAT)?;
        write(&file, content)?;
        Ok(file)
    }

    pub fn mkdir(&self, path: &str) -> Result<Path> {
        self.context.make_directory(&self.who, None, path.as_bytes(), 0o777)
    }

    pub fn symlink(&self, target: &str, path: &str) -> Result<Path> {
        self.context.make_symlink(&self.who, target.as_bytes(), None, path.as_bytes())
    }

    pub fn link(&self, target: &str, path: &str) -> Result<()> {
        let target = self.find_itself(target)?;
        self.context.link(&self.who, &target, None, path.as_bytes())
    }

    pub fn unlink(&self, path: &str) -> Result<()> {
        self.context.unlink(&self.who, None, path.as_bytes())
    }

    pub fn rmdir(&self, path: &str) -> Result<()> {
        self.context.remove_directory(&self.who, None, path.as_bytes())
    }

    pub fn rename(&self, from: &str, to: &str) -> Result<()> {
        self.rename_as(from, to, RenameMode::Replace)
    }

    pub fn rename_as(&self, from: &str, to: &str, mode: RenameMode) -> Result<()> {
        self.context.rename(&self.who, (None, from.as_bytes()), (None, to.as_bytes()), mode)
    }

    pub fn text(&self, path: &str) -> Result<Vec<u8>> {
        let file = self.open(path, OpenFlags::RDONLY)?;
        let mut bytes = Vec::new();
        loop {
            let piece = read(&file, 1000)?;
            if piece.is_empty() {
                return Ok(bytes);
            }
            bytes.extend(piece);
        }
    }

    pub fn list(&self, path: &str) -> Result<Vec<String>> {
        let directory = self.open(path, OpenFlags::RDONLY | OpenFlags::DIRECTORY)?;
        let mut names = Vec::new();
        directory.read_directory(&mut |entry| {
            names.push(String::from_utf8(entry.name.to_vec()).unwrap());
            true
        })?;
        Ok(names)
    }

    pub fn absolute(&self, path: &Path) -> String {
        String::from_utf8(path.absolute(&self.context.root())).unwrap()
    }
}

pub fn read(file: &OpenFile, most: usize) -> Result<Vec<u8>> {
    let mut bytes = vec![0; most];
    let count = file.read(&mut IoSink::kernel(&mut bytes))?;
    bytes.truncate(count);
    Ok(bytes)
}

pub fn read_at(file: &OpenFile, position: u64, most: usize) -> Result<Vec<u8>> {
    let mut bytes = vec![0; most];
    let count = file.read_at(position, &mut IoSink::kernel(&mut bytes))?;
    bytes.truncate(count);
    Ok(bytes)
}

pub fn write(file: &OpenFile, bytes: &[u8]) -> Result<usize> {
    file.write(&mut IoSource::kernel(bytes), u64::MAX)
}

pub fn write_at(file: &OpenFile, position: u64, bytes: &[u8]) -> Result<usize> {
    file.write_at(position, &mut IoSource::kernel(bytes), u64::MAX)
}

/// The error of a call that must fail.
pub fn error<T>(result: Result<T>) -> Errno {
    result.err().expect("the call should have failed")
}

/// Polls a future once.
pub fn poll_once<F: Future>(future: core::pin::Pin<&mut F>) -> Option<F::Output> {
    match future.poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    }
}

/// The result of a future that is ready at once.
pub fn now<F: Future>(future: F) -> F::Output {
    poll_once(pin!(future)).expect("the future should have been ready")
}
