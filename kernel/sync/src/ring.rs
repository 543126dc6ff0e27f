//! The ring between an interrupt handler and the task that works on what it brings.
//!
//! One producer (the handler, under the lock of its device) and one consumer at a time: so two counters are enough, and neither side
//! ever waits for the other. Its size is fixed, as an interrupt handler may not allocate; a full ring refuses, and the producer decides
//! what that means. It carries 16-bit words: a byte from a device, and flags for what was wrong with it.

use crate::atomics::{AtomicU16, AtomicUsize, Ordering};

/// A ring of `N` words; `N` is a power of two.
pub struct Ring<const N: usize> {
    slots: [AtomicU16; N],
    /// Words ever put in; only the producer changes it.
    head: AtomicUsize,
    /// Words ever taken out; only the consumer changes it.
    tail: AtomicUsize,
}

impl<const N: usize> Ring<N> {
    crate::constructor! {
        /// An empty ring.
        pub fn new() -> Self {
            const { assert!(N.is_power_of_two(), "the counters wrap at a multiple of the size") };
            Ring { slots: slots(), head: AtomicUsize::new(0), tail: AtomicUsize::new(0) }
        }
    }

    /// How many words wait.
    pub fn len(&self) -> usize {
        // The tail first: the head can only grow meanwhile, so the difference is never negative.
        let tail = self.tail.load(Ordering::Acquire);
        self.head.load(Ordering::Acquire).wrapping_sub(tail).min(N)
    }

    /// Whether none waits.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Puts a word in; false when the ring is full. The producer's side. Wake the consumer **after** this.
    pub fn push(&self, word: u16) -> bool {
        let head = self.head.load(Ordering::Relaxed);
        if head.wrapping_sub(self.tail.load(Ordering::Acquire)) >= N {
            return false;
        }
        self.slots[head % N].store(word, Ordering::Relaxed);
        self.head.store(head.wrapping_add(1), Ordering::Release);
        true
    }

    /// The oldest word, left where it is. The consumer's side.
    pub fn peek(&self) -> Option<u16> {
        let tail = self.tail.load(Ordering::Relaxed);
        if tail == self.head.load(Ordering::Acquire) {
            return None;
        }
        Some(self.slots[tail % N].load(Ordering::Relaxed))
    }

    /// Takes what `peek` showed. The consumer's side.
    pub fn advance(&self) {
        let tail = self.tail.load(Ordering::Relaxed);
        if tail != self.head.load(Ordering::Acquire) {
            self.tail.store(tail.wrapping_add(1), Ordering::Release);
        }
    }

    /// Takes the oldest word out. The consumer's side.
    pub fn pop(&self) -> Option<u16> {
        let word = self.peek()?;
        self.advance();
        Some(word)
    }
}

impl<const N: usize> Default for Ring<N> {
    fn default() -> Self {
        Ring::new()
    }
}

#[cfg(not(loom))]
const fn slots<const N: usize>() -> [AtomicU16; N] {
    [const { AtomicU16::new(0) }; N]
}

#[cfg(loom)]
fn slots<const N: usize>() -> [AtomicU16; N] {
    core::array::from_fn(|_| AtomicU16::new(0))
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn keeps_order_and_refuses_when_full() {
        let ring = Ring::<8>::new();
        assert_eq!((ring.peek(), ring.pop()), (None, None));
        // More rounds than the ring has slots, so that it wraps at each of them.
        for round in 0..9u16 {
            assert!(ring.push(round) && ring.pop() == Some(round));
            let mut pushed = 0;
            while ring.push(round << 8 | pushed) {
                pushed += 1;
            }
            assert_eq!((pushed, ring.len()), (8, 8));
            for at in 0..8 {
                assert_eq!(ring.peek(), Some(round << 8 | at));
                ring.advance();
            }
            ring.advance();
            assert!(ring.is_empty());
        }
    }

    #[test]
    fn between_two_threads_loses_nothing() {
        let ring = std::sync::Arc::new(Ring::<64>::new());
        let producer = ring.clone();
        let count = if cfg!(miri) { 300 } else { 100_000u32 };
        let thread = std::thread::spawn(move || {
            for number in 0..count {
                while !producer.push(number as u16) {
                    std::thread::yield_now();
                }
            }
        });
        for number in 0..count {
            let word = loop {
                match ring.pop() {
                    Some(word) => break word,
                    None => std::thread::yield_now(),
                }
            };
            assert_eq!(word, number as u16);
        }
        thread.join().unwrap();
    }
}
