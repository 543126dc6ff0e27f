//! The way of the kernel's messages to the screen: a ring of bytes between whoever prints and the task that draws.
//!
//! A message may come from anywhere: from an interrupt handler that interrupted another message, or from code that holds a lock. So
//! printing only copies bytes under a lock of its own that nothing else is done under, and that keeps interrupts off: the one who holds
//! it never waits for anything. When nobody draws, the oldest bytes are lost.

use core::sync::atomic::{AtomicBool, Ordering};
use sync::SpinLock;

/// Bytes that wait at most; the messages of a boot fit.
const SIZE: usize = 16 * 1024;

struct Ring {
    bytes: [u8; SIZE],
    /// Bytes ever put in, and ever taken out or overwritten.
    head: usize,
    tail: usize,
}

static RING: SpinLock<Ring> = SpinLock::new(Ring { bytes: [0; SIZE], head: 0, tail: 0 });
/// Something is in the ring.
static WAITING: AtomicBool = AtomicBool::new(false);

/// Puts a message, or a part of one, into the ring.
pub(super) fn put(text: &str) {
    let mut ring = RING.lock();
    for &byte in text.as_bytes() {
        let at = ring.head % SIZE;
        if let Some(slot) = ring.bytes.get_mut(at) {
            *slot = byte;
        }
        ring.head = ring.head.wrapping_add(1);
    }
    if ring.head.wrapping_sub(ring.tail) > SIZE {
        ring.tail = ring.head.wrapping_sub(SIZE);
    }
    WAITING.store(true, Ordering::Relaxed);
}

pub(super) fn is_waiting() -> bool {
    WAITING.load(Ordering::Relaxed)
}

/// Takes the oldest bytes; how many.
pub(super) fn take(buffer: &mut [u8]) -> usize {
    let mut ring = RING.lock();
    let mut count = 0;
    for slot in buffer.iter_mut() {
        if ring.tail == ring.head {
            WAITING.store(false, Ordering::Relaxed);
            break;
        }
        *slot = ring.bytes.get(ring.tail % SIZE).copied().unwrap_or(0);
        ring.tail = ring.tail.wrapping_add(1);
        count += 1;
    }
    count
}

/// Throws everything away.
pub(super) fn clear() {
    let mut ring = RING.lock();
    ring.tail = ring.head;
    WAITING.store(false, Ordering::Relaxed);
}
