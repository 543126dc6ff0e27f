//! The keyboard as an asynchronous stream: interrupt → fixed ring → waker → task.
//!
//! The interrupt handler moves bytes from the controller into a ring and wakes, after the push, so that no wake is missed; it allocates
//! nothing and takes no lock but that of the port, whose other holders have interrupts off. What bytes mean is the task's business
//! ([`serve`]): it sets controller and keyboard up, decodes, and hands bytes to the terminal behind a [`KeySink`]. A full ring loses the
//! byte and counts it; the task says so, and takes all keys for released, as one of the lost bytes may have been Ctrl going up.
//!
//! A machine without a controller, or with one that has no keyboard, gets a line in the log and is otherwise as good as any.

mod serve;
mod sink;
mod sysrq;
#[cfg(test)]
mod tests;

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::sync::atomic::{AtomicU64, Ordering};

use abi::{Errno, Result};
pub use drivers::i8042::Ports;
use drivers::i8042::{Controller, Received};
pub use drivers::keyboard::{Layout, Modes};
pub use sink::{ConsoleSink, KeySink};
use sync::{Ring, SpinLock, WaitQueue};

/// The ports of a controller as the glue hands them over.
pub type BoxedPorts = Box<dyn Ports + Send>;

/// Bytes that fit into the ring: some eighty keys, which nobody types before the task gets its turn.
const RING_SIZE: usize = 256;
/// Bytes that one interrupt brings at most. A controller holds one or two; a broken one must not keep the handler.
const MOST_BYTES: usize = 16;
/// In a word of the ring: the byte came damaged.
const DAMAGED: u16 = 0x100;

const MILLISECOND: u64 = 1_000_000;
/// How often, a millisecond apart, a byte is offered to a controller that is busy.
const OFFERS: usize = 100;

/// What the boot code decides.
pub struct Config {
    pub ports: BoxedPorts,
    pub layout: Layout,
    /// Whether the controller makes scancodes of set 2 those of set 1, as it does by tradition.
    pub translate: bool,
    pub sink: Arc<dyn KeySink>,
    /// What Ctrl-Alt-Del does.
    pub ctrl_alt_del: fn(),
}

/// The controller, and the bytes on their way from it.
struct Port {
    /// `None` until it is set up.
    controller: SpinLock<Option<Controller<BoxedPorts>>>,
    input: Ring<RING_SIZE>,
    readers: WaitQueue,
    interrupts: AtomicU64,
    /// Bytes for which the ring had no room.
    lost: AtomicU64,
}

impl Port {
    const fn new() -> Port {
        Port {
            controller: SpinLock::new(None),
            input: Ring::new(),
            readers: WaitQueue::new(),
            interrupts: AtomicU64::new(0),
            lost: AtomicU64::new(0),
        }
    }

    fn on_interrupt(&self) {
        self.interrupts.fetch_add(1, Ordering::Relaxed);
        self.collect();
    }

    /// Moves what waits in the controller into the ring, and wakes the task.
    fn collect(&self) {
        let mut arrived = false;
        {
            let mut controller = self.controller.lock();
            let Some(controller) = controller.as_mut() else { return };
            for _ in 0..MOST_BYTES {
                let Some(Received { byte, auxiliary, damaged }) = controller.receive() else { break };
                // The mouse's port is off; what comes from it all the same is nothing to us.
                if auxiliary {
                    continue;
                }
                let word = u16::from(byte) | if damaged { DAMAGED } else { 0 };
                if !self.input.push(word) {
                    self.lost.fetch_add(1, Ordering::Relaxed);
                }
                arrived = true;
            }
        }
        if arrived {
            self.readers.wake_all();
        }
    }

    /// The next word from the ring.
    async fn next(&self) -> u16 {
        self.readers.wait_until(|| self.input.pop()).await
    }

    /// Sends a byte to the keyboard; false when the controller doesn't take it.
    async fn send(&self, byte: u8) -> bool {
        for _ in 0..OFFERS {
            if self.controller.lock().as_mut().is_some_and(|controller| controller.try_send(byte)) {
                return true;
            }
            executor::timer::sleep(MILLISECOND).await;
        }
        false
    }
}

static PORT: Port = Port::new();

/// Starts the task that serves the keyboard. Afterwards the handler of interrupt line 1 is to call [`on_interrupt`]. ENOMEM.
pub fn init(config: Config) -> Result<()> {
    executor::spawn("keyboard", serve::serve(&PORT, config)).map(drop).map_err(|_| Errno::ENOMEM)
}

/// To be called, with interrupts off, when the controller interrupts for the keyboard.
pub fn on_interrupt() {
    PORT.on_interrupt();
}

/// How often it has interrupted.
pub fn interrupts() -> u64 {
    PORT.interrupts.load(Ordering::Relaxed)
}
