//! The devices that are made of nothing: null, zero, full, random, urandom (null(4), full(4), random(4)).

use alloc::sync::Arc;

use abi::{Errno, Result};
use memory::{AnonymousObject, IoSink, IoSource, MappedFile};

use super::{register_char_device, register_node};
use crate::file::{File, Io, SeekKind};
use crate::inode::OpenRequest;
use crate::metadata::DeviceNumber;
use crate::random;

/// The minor numbers of major 1.
#[derive(Clone, Copy)]
enum Kind {
    Null = 3,
    Zero = 5,
    Full = 7,
    Random = 8,
    Urandom = 9,
}

struct MemoryDevice(Kind);

/// Registers the five devices and their nodes.
pub fn register_memory_devices() {
    for (kind, name) in
        [(Kind::Null, "null"), (Kind::Zero, "zero"), (Kind::Full, "full"), (Kind::Random, "random"), (Kind::Urandom, "urandom")]
    {
        let number = DeviceNumber::new(1, kind as u32);
        let open = move |_: &OpenRequest<'_>| -> Result<Arc<dyn File>> { Ok(Arc::new(MemoryDevice(kind))) };
        register_char_device(number, 1, Arc::new(open));
        register_node(name, 0o666, 0, 0, number);
    }
}

/// How many random bytes go through the stack at a time.
const CHUNK: usize = 256;

/// One read or write of random bytes moves at most this much, so that it does not hold the CPU for long.
const RANDOM_MAX: usize = 1 << 20;

/// Stirs what `source` has into the random pool.
fn swallow(source: &mut IoSource<'_>) -> Result<usize> {
    let mut chunk = [0; CHUNK];
    let mut total = 0;
    while source.remaining() > 0 && total < RANDOM_MAX {
        let count = match source.take(&mut chunk) {
            Ok(0) => break,
            Ok(count) => count,
            Err(_) if total > 0 => break,
            Err(error) => return Err(error),
        };
        random::stir(chunk.get(..count).unwrap_or(&[]));
        total += count;
    }
    Ok(total)
}

fn give_random(sink: &mut IoSink<'_>) -> Result<usize> {
    let mut chunk = [0; CHUNK];
    let mut total = 0;
    while sink.remaining() > 0 && total < RANDOM_MAX {
        let wanted = sink.remaining().min(CHUNK);
        let Some(piece) = chunk.get_mut(..wanted) else { break };
        random::fill(piece);
        match sink.put(piece) {
            Ok(count) => {
                total += count;
                if count < wanted {
                    break;
                }
            }
            Err(_) if total > 0 => break,
            Err(error) => return Err(error),
        }
    }
    Ok(total)
}

impl File for MemoryDevice {
    fn try_read(&self, _io: &mut Io, sink: &mut IoSink<'_>) -> Result<usize> {
        match self.0 {
            Kind::Null => Ok(0),
            Kind::Zero | Kind::Full => sink.put_zeros(sink.remaining()),
            Kind::Random | Kind::Urandom => give_random(sink),
        }
    }

    fn try_write(&self, _io: &mut Io, source: &mut IoSource<'_>) -> Result<usize> {
        match self.0 {
            // Linux does not even look at the bytes.
            Kind::Null | Kind::Zero => Ok(source.remaining()),
            Kind::Full => Err(Errno::ENOSPC),
            Kind::Random | Kind::Urandom => swallow(source),
        }
    }

    fn seek_kind(&self) -> SeekKind {
        SeekKind::Ignored
    }

    fn mapping(&self) -> Result<Arc<dyn MappedFile>> {
        match self.0 {
            Kind::Zero => Ok(AnonymousObject::new(i64::MAX as u64)?),
            _ => Err(Errno::ENODEV),
        }
    }

    fn as_any(&self) -> &dyn core::any::Any {
        self
    }
}
