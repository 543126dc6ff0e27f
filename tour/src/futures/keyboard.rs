//! A keyboard as a stream: interrupt, queue, waker, task.
//!
//! The handler only puts the byte into a queue of fixed size and wakes. The queue is made before the first interrupt, because the handler
//! may not allocate; a handler that comes earlier, or that finds it full, drops the byte and counts that.

use alloc::boxed::Box;
use core::pin::Pin;
use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use core::task::{Context, Poll};

use crossbeam_queue::ArrayQueue;
use futures_util::Stream;
use futures_util::task::AtomicWaker;
use once_cell::race::OnceBox;

/// Bytes that may wait.
pub const CAPACITY: usize = 100;

/// One keyboard: what its interrupt handler and its stream share.
pub struct Keyboard {
    queue: OnceBox<ArrayQueue<u8>>,
    waker: AtomicWaker,
    lost: AtomicUsize,
    taken: AtomicBool,
}

impl Keyboard {
    #[expect(clippy::new_without_default, reason = "it is for statics")]
    pub const fn new() -> Keyboard {
        Keyboard { queue: OnceBox::new(), waker: AtomicWaker::new(), lost: AtomicUsize::new(0), taken: AtomicBool::new(false) }
    }

    /// For the interrupt handler: neither waits nor allocates. First the byte, then the wake: a task that is woken must find it.
    pub fn add(&self, scancode: u8) {
        match self.queue.get().map(|queue| queue.push(scancode)) {
            Some(Ok(())) => self.waker.wake(),
            _ => {
                self.lost.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// The stream of scancodes, with its queue. None: there is one already. Two would steal bytes from each other, and only one has its
    /// waker in the cell.
    pub fn stream(&'static self) -> Option<ScancodeStream> {
        if self.taken.swap(true, Ordering::AcqRel) {
            return None;
        }
        Some(ScancodeStream { queue: self.queue.get_or_init(|| Box::new(ArrayQueue::new(CAPACITY))), keyboard: self })
    }

    /// Bytes that came too early or were too many.
    pub fn lost(&self) -> usize {
        self.lost.load(Ordering::Relaxed)
    }
}

/// All scancodes, one after another, for ever.
pub struct ScancodeStream {
    queue: &'static ArrayQueue<u8>,
    keyboard: &'static Keyboard,
}

impl Stream for ScancodeStream {
    type Item = u8;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<u8>> {
        // The usual case costs no waker.
        if let Some(scancode) = self.queue.pop() {
            return Poll::Ready(Some(scancode));
        }
        // Register first, then look again: a byte that comes in between finds the waker, one that came before is found here.
        self.keyboard.waker.register(context.waker());
        match self.queue.pop() {
            Some(scancode) => {
                self.keyboard.waker.take();
                Poll::Ready(Some(scancode))
            }
            None => Poll::Pending,
        }
    }
}

/// The part of the chapter that needs fingers: pretended ones.
#[cfg(not(target_os = "none"))]
pub fn show() {
    crate::say!("The keyboard needs the machine.");
}

#[cfg(target_os = "none")]
pub use on_machine::show;

#[cfg(target_os = "none")]
mod on_machine {
    //! The stream behind the real interrupt of chapter 7.

    use alloc::string::String;

    use arch::interrupts;
    use futures_util::StreamExt;

    use super::*;
    use crate::futures::executor::Executor;
    use crate::interrupts::pic::PICS;
    use crate::interrupts::{keyboard, listen, wire_up};
    use crate::machine::idt::{Frame, stub};
    use crate::{claim, say};

    static KEYBOARD: Keyboard = Keyboard::new();
    const LINE: u8 = 1;
    /// a, b, 4, 2: pressed and released.
    const TYPED: [u8; 8] = [0x1e, 0x9e, 0x30, 0xb0, 0x05, 0x85, 0x03, 0x83];

    extern "C" fn on_key(_: &mut Frame) {
        KEYBOARD.add(keyboard::read_scancode());
        PICS.end_of_interrupt(LINE);
    }
    stub!(on_key_stub, on_key);

    /// Prints the keys as they come, until there are enough of them.
    async fn print_keypresses(mut scancodes: ScancodeStream) {
        let mut text = String::new();
        for _ in 0..TYPED.len() {
            let Some(scancode) = scancodes.next().await else { return };
            text.extend(keyboard::key(scancode));
        }
        claim!(text == "ab42", "the task read what was typed: {text}");
    }

    /// Types, one key after another, each when the one before has been taken.
    async fn type_keys() {
        for scancode in TYPED {
            keyboard::pretend(scancode);
            crate::reactor::yield_once().await;
        }
    }

    pub fn show() {
        interrupts::disable();
        keyboard::initialise();
        wire_up();
        let Some(scancodes) = KEYBOARD.stream() else { panic!("the keyboard is taken") };
        claim!(KEYBOARD.stream().is_none(), "there is one stream only");
        // SAFETY: interrupts are off, and all lines are masked.
        unsafe { listen(LINE, on_key_stub) };
        let mut executor = Executor::new();
        executor.spawn(print_keypresses(scancodes));
        executor.spawn(type_keys());
        interrupts::enable();
        executor.run(interrupts::disable, interrupts::enable, interrupts::enable_and_halt);
        interrupts::disable();
        PICS.set_masks(0xff, 0xff);
        claim!(KEYBOARD.lost() == 0, "nothing was lost; between two keys the processor halted");
        say!("Interrupt, queue, waker, task: the handler allocated nothing and took no lock.");
    }
}
