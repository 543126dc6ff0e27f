//! /dev: a tmpfs that the kernel fills with the nodes of the devices it knows (Linux: devtmpfs).

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use abi::{Errno, Result};
use sync::SpinLock;

use crate::inode::{NewKind, NewNode};
use crate::metadata::DeviceNumber;
use crate::tmpfs::{Tmpfs, TmpfsOptions};

#[derive(Clone)]
struct Node {
    name: String,
    mode: u32,
    uid: u32,
    gid: u32,
    number: DeviceNumber,
}

impl Node {
    fn add_to(&self, devfs: &Tmpfs) -> Result<()> {
        let kind = NewKind::CharDevice(self.number);
        devfs.add_node(self.name.as_bytes(), &NewNode { kind, mode: self.mode, uid: self.uid, gid: self.gid })
    }
}

struct Devfs {
    nodes: Vec<Node>,
    made: Option<Arc<Tmpfs>>,
}

static DEVFS: SpinLock<Devfs> = SpinLock::new(Devfs { nodes: Vec::new(), made: None });

/// Says that /dev shows the character device `number` as `name`. It appears at once when /dev exists, else when it is made.
pub fn register_node(name: &str, mode: u32, uid: u32, gid: u32, number: DeviceNumber) {
    let node = Node { name: String::from(name), mode, uid, gid, number };
    let made = {
        let mut devfs = DEVFS.lock();
        devfs.nodes.push(node.clone());
        devfs.made.clone()
    };
    if let Some(devfs) = made
        && let Err(error) = node.add_to(&devfs)
    {
        log::warn!("/dev/{name}: {error:?}");
    }
}

/// The one file system for /dev: made at the first call, with the nodes registered so far, the links to the own descriptors, and the
/// directories `pts` and `shm` as places to mount on.
pub fn create_devfs() -> Result<Arc<Tmpfs>> {
    if let Some(made) = DEVFS.lock().made.clone() {
        return Ok(made);
    }
    let devfs = Tmpfs::make("devtmpfs", &TmpfsOptions { mode: 0o755, ..TmpfsOptions::new() }, false)?;
    let nodes = DEVFS.lock().nodes.clone();
    for node in &nodes {
        match node.add_to(&devfs) {
            Ok(()) | Err(Errno::EEXIST) => {}
            Err(error) => return Err(error),
        }
    }
    let links: [(&[u8], &[u8]); 4] =
        [(b"fd", b"/proc/self/fd"), (b"stdin", b"/proc/self/fd/0"), (b"stdout", b"/proc/self/fd/1"), (b"stderr", b"/proc/self/fd/2")];
    for (name, target) in links {
        devfs.add_node(name, &NewNode { kind: NewKind::Symlink(target), mode: 0o777, uid: 0, gid: 0 })?;
    }
    for (name, mode) in [(b"pts".as_slice(), 0o755), (b"shm", 0o1777)] {
        devfs.add_node(name, &NewNode { kind: NewKind::Directory, mode, uid: 0, gid: 0 })?;
    }
    // Nodes that were registered meanwhile are entered now; their registrar did not see the file system yet.
    let late: Vec<Node> = {
        let mut state = DEVFS.lock();
        state.made = Some(devfs.clone());
        state.nodes.iter().skip(nodes.len()).cloned().collect()
    };
    for node in late {
        node.add_to(&devfs)?;
    }
    Ok(devfs)
}
