//! Serial lines: a UART with its interrupt, a ring of bytes that came in and a ring of bytes that go out.
//!
//! The two lines are statics, so that an interrupt handler finds its line without any look-up. Input goes the short way: the handler moves bytes
//! from the chip to the input ring and wakes the reader. When that ring is full the receive interrupt is switched off, which makes the sender
//! wait (a virtual machine's does); taking bytes out switches it on again. Output is put into a ring under the line's lock and sent at
//! once for as long as the chip takes it; the rest follows by interrupt. A writer that finds the ring full waits until half of it is free.

pub(crate) mod control;
pub(crate) mod driver;
pub(crate) mod raw;
mod ring;
#[cfg(test)]
mod tests;

use alloc::boxed::Box;
use core::sync::atomic::{AtomicU64, Ordering};

use drivers::uart::{Received, Receiver, Registers, Uart};
use ring::{InputRing, RING_SIZE};
use sync::{SpinLock, WaitQueue};

/// Bytes of output that wait for the chip.
const OUTPUT_SIZE: usize = 4096;

/// Registers of a UART as the glue hands them over.
pub type BoxedRegisters = Box<dyn Registers + Send>;

/// A UART and the bytes on their way to it.
struct Port {
    uart: Uart<BoxedRegisters>,
    output: OutputRing,
    /// In bits per second.
    speed: u32,
    /// Output is held back (STOP was received).
    stopped: bool,
    overruns: u64,
}

struct OutputRing {
    bytes: [u8; OUTPUT_SIZE],
    head: usize,
    tail: usize,
}

impl OutputRing {
    const fn new() -> OutputRing {
        OutputRing { bytes: [0; OUTPUT_SIZE], head: 0, tail: 0 }
    }

    fn len(&self) -> usize {
        self.head.wrapping_sub(self.tail)
    }

    fn push(&mut self, byte: u8) -> bool {
        if self.len() >= OUTPUT_SIZE {
            return false;
        }
        self.bytes[self.head % OUTPUT_SIZE] = byte;
        self.head = self.head.wrapping_add(1);
        true
    }

    /// Puts a byte before all others; false when there is no room.
    fn push_front(&mut self, byte: u8) -> bool {
        if self.len() >= OUTPUT_SIZE {
            return false;
        }
        self.tail = self.tail.wrapping_sub(1);
        self.bytes[self.tail % OUTPUT_SIZE] = byte;
        true
    }

    fn pop(&mut self) -> Option<u8> {
        if self.len() == 0 {
            return None;
        }
        let byte = self.bytes[self.tail % OUTPUT_SIZE];
        self.tail = self.tail.wrapping_add(1);
        Some(byte)
    }
}

impl Port {
    /// Sends what the chip takes now.
    fn pump(&mut self) {
        let Port { uart, output, stopped, .. } = self;
        if !*stopped {
            uart.transmit(&mut || output.pop());
        }
    }
}

/// One serial line, with or without a chip behind it.
pub(crate) struct SerialLine {
    port: SpinLock<Option<Box<Port>>>,
    input: InputRing,
    /// Woken when items came in, or output went out that a task waits for.
    readers: WaitQueue,
    /// Woken when half of the output ring is free.
    writers: WaitQueue,
    /// Interrupts so far, for /proc/interrupts.
    interrupts: AtomicU64,
}

impl Receiver for &InputRing {
    fn has_room(&self) -> bool {
        self.len() < RING_SIZE
    }

    fn take(&mut self, item: Received) {
        self.push(item);
    }
}

impl SerialLine {
    pub(crate) const fn new() -> SerialLine {
        SerialLine {
            port: SpinLock::new(None),
            input: InputRing::new(),
            readers: WaitQueue::new(),
            writers: WaitQueue::new(),
            interrupts: AtomicU64::new(0),
        }
    }

    /// Takes a chip into service. False when none answers.
    pub(crate) fn attach(&self, registers: BoxedRegisters) -> bool {
        let Some(uart) = Uart::detect(registers) else { return false };
        let mut port = Box::new(Port { uart, output: OutputRing::new(), speed: drivers::uart::INITIAL_SPEED, stopped: false, overruns: 0 });
        port.uart.start_receiving();
        *self.port.lock() = Some(port);
        true
    }

    pub(crate) fn is_present(&self) -> bool {
        self.port.lock().is_some()
    }

    /// The interrupt handler of the line.
    fn on_interrupt(&self) {
        self.interrupts.fetch_add(1, Ordering::Relaxed);
        let (served, free) = {
            let mut port = self.port.lock();
            let Some(port) = port.as_deref_mut() else { return };
            let Port { uart, output, stopped, overruns, .. } = port;
            let served = uart.on_interrupt(&mut &self.input, &mut || if *stopped { None } else { output.pop() });
            *overruns += u64::from(served.overrun);
            (served, OUTPUT_SIZE - output.len())
        };
        if served.received || served.transmitted {
            self.readers.wake_all();
        }
        if served.transmitted && free >= OUTPUT_SIZE / 2 {
            self.writers.wake_all();
        }
    }

    /// Queues bytes for output, as many as there is room for, and sends what the chip takes at once. Without a chip they vanish.
    pub(crate) fn put(&self, bytes: &[u8]) -> usize {
        let mut port = self.port.lock();
        let Some(port) = port.as_deref_mut() else { return bytes.len() };
        let mut count = 0;
        for &byte in bytes {
            if !port.output.push(byte) {
                break;
            }
            count += 1;
        }
        port.pump();
        count
    }

    /// Free places in the output ring. One stays free for `put_urgent`.
    pub(crate) fn room(&self) -> usize {
        let port = self.port.lock();
        port.as_deref().map_or(OUTPUT_SIZE, |port| (OUTPUT_SIZE - 1).saturating_sub(port.output.len()))
    }

    /// Bytes that were queued and that the chip hasn't sent; `writers` is woken when the last one is.
    pub(crate) fn pending(&self) -> usize {
        let mut port = self.port.lock();
        let Some(port) = port.as_deref_mut() else { return 0 };
        // A chip that is busy now interrupts when it isn't any more.
        port.pump();
        port.output.len() + usize::from(!port.uart.is_transmit_empty())
    }

    /// Whether even the last bit has left the machine.
    fn is_drained(&self) -> bool {
        self.pending() == 0 && self.port.lock().as_deref().is_none_or(|port| port.uart.is_drained())
    }

    /// Throws queued output away.
    fn flush(&self) {
        if let Some(port) = self.port.lock().as_deref_mut() {
            port.output.tail = port.output.head;
        }
        self.writers.wake_all();
    }

    fn set_stopped(&self, stopped: bool) {
        if let Some(port) = self.port.lock().as_deref_mut() {
            port.stopped = stopped;
            port.pump();
        }
    }

    /// Sends one byte before all that wait, even while output is stopped.
    fn put_urgent(&self, byte: u8) {
        if let Some(port) = self.port.lock().as_deref_mut() {
            if port.stopped {
                let mut once = Some(byte);
                port.uart.transmit(&mut || once.take());
                if once.is_none() {
                    return;
                }
            }
            port.output.push_front(byte);
            port.pump();
        }
    }

    fn set_speed(&self, bits_per_second: u32) {
        if let Some(port) = self.port.lock().as_deref_mut()
            && port.speed != bits_per_second
        {
            port.speed = bits_per_second;
            port.uart.set_speed(bits_per_second);
        }
    }

    fn set_break(&self, on: bool) -> bool {
        self.port.lock().as_deref_mut().is_some_and(|port| {
            port.uart.set_break(on);
            true
        })
    }

    /// Lets the chip interrupt again once the input ring, which was full, is half empty.
    fn resume_receiving(&self) {
        if self.input.len() <= RING_SIZE / 2
            && let Some(port) = self.port.lock().as_deref_mut()
            && !port.uart.is_receiving()
        {
            port.uart.start_receiving();
        }
    }
}

/// COM1 and COM2.
pub(crate) static LINES: [SerialLine; 2] = [const { SerialLine::new() }; 2];

/// To be called, with interrupts off, when the line with this index (0 for COM1, 1 for COM2) interrupts.
pub fn on_interrupt(index: usize) {
    if let Some(line) = LINES.get(index) {
        line.on_interrupt();
    }
}

/// How often the line has interrupted.
pub fn interrupts(index: usize) -> u64 {
    LINES.get(index).map_or(0, |line| line.interrupts.load(Ordering::Relaxed))
}

/// Whether a chip was found for this line.
pub fn is_present(index: usize) -> bool {
    LINES.get(index).is_some_and(SerialLine::is_present)
}

/// Sends `mark` on all lines, ahead of everything else that the kernel sends: what the other side got before it is firmware's.
pub fn send_mark(mark: &[u8]) {
    for line in &LINES {
        line.put(mark);
    }
}

/// Whether every byte that was written to the lines has left the machine: to be waited for, polling, before power goes off. Works with
/// interrupts on or off, since asking also sends what the chips take; output that STOP holds back goes out too.
pub fn is_drained() -> bool {
    LINES.iter().all(|line| {
        line.set_stopped(false);
        line.is_drained()
    })
}
