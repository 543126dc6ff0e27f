//! What a slave's line discipline has behind it: the two queues to and from the master.

use alloc::collections::VecDeque;
use alloc::sync::{Arc, Weak};
use core::sync::atomic::{AtomicUsize, Ordering};

use abi::termios::{Input, Termios, cc, packet};
use sync::{Once, SpinLock, WaitQueue};

use super::Number;
use crate::tty::{Driver, Tty};

/// Bytes that wait for the master, or for room in the slave, at most.
const QUEUE_MAX: usize = 8192;

struct Queues {
    to_master: VecDeque<u8>,
    to_slave: VecDeque<u8>,
    /// Packet mode is on (TIOCPKT).
    packet: bool,
    /// What happened since the master last read, in packet mode.
    events: u8,
    /// Whether START and STOP are ^Q and ^S on the slave, as a master in packet mode is told.
    plain_flow: bool,
    slave_open: bool,
    slave_was_open: bool,
}

pub(super) struct PtyDriver {
    queues: SpinLock<Queues>,
    slave: Once<Weak<Tty>>,
    pub(super) master_readers: WaitQueue,
    pub(super) master_writers: WaitQueue,
    slave_writers: WaitQueue,
    /// Requests to move bytes into the slave. Only who finds none pending moves, so that bytes keep their order and a signal character,
    /// whose effects ask for more input from within, doesn't wait for itself.
    feed_requests: AtomicUsize,
    _number: Number,
}

/// What a master's read finds.
pub(super) enum Found {
    /// Events, in packet mode.
    Events(u8),
    /// So many bytes were put into the buffer; at least one.
    Bytes(usize),
    Nothing,
    /// Nothing, and nobody has the slave open any more.
    Closed,
}

impl PtyDriver {
    pub(super) fn new(number: Number) -> PtyDriver {
        PtyDriver {
            queues: SpinLock::new(Queues {
                to_master: VecDeque::new(),
                to_slave: VecDeque::new(),
                packet: false,
                events: 0,
                plain_flow: true,
                slave_open: false,
                slave_was_open: false,
            }),
            slave: Once::new(),
            master_readers: WaitQueue::new(),
            master_writers: WaitQueue::new(),
            slave_writers: WaitQueue::new(),
            feed_requests: AtomicUsize::new(0),
            _number: number,
        }
    }

    pub(super) fn set_slave(&self, slave: &Arc<Tty>) {
        // Set once, when the pair is made.
        let _ = self.slave.set(Arc::downgrade(slave));
    }

    fn slave(&self) -> Option<Arc<Tty>> {
        self.slave.get().and_then(Weak::upgrade)
    }

    pub(super) fn is_packet(&self) -> bool {
        self.queues.lock().packet
    }

    /// TIOCPKT.
    pub(super) fn set_packet(&self, on: bool) {
        let mut queues = self.queues.lock();
        if on && !queues.packet {
            queues.events = 0;
        }
        queues.packet = on;
    }

    /// Takes bytes, or the events before them, for the master.
    pub(super) fn take(&self, buffer: &mut [u8], events_allowed: bool) -> Found {
        let mut queues = self.queues.lock();
        if queues.packet && queues.events != 0 {
            // They come in a read of their own: after bytes, the next one.
            return if events_allowed { Found::Events(core::mem::take(&mut queues.events)) } else { Found::Nothing };
        }
        let mut count = 0;
        for slot in buffer.iter_mut() {
            let Some(byte) = queues.to_master.pop_front() else { break };
            *slot = byte;
            count += 1;
        }
        if count > 0 {
            Found::Bytes(count)
        } else if queues.slave_was_open && !queues.slave_open {
            Found::Closed
        } else {
            Found::Nothing
        }
    }

    /// After a read of the master: the slave may go on writing.
    pub(super) fn taken(&self) {
        if let Some(slave) = self.slave() {
            slave.output_ready();
        }
        if self.room() >= QUEUE_MAX / 2 {
            self.slave_writers.wake_all();
        }
    }

    /// Bytes that wait for the master; whether events wait; whether the slave was closed.
    pub(super) fn state_for_master(&self) -> (usize, bool, bool) {
        let queues = self.queues.lock();
        (queues.to_master.len(), queues.packet && queues.events != 0, queues.slave_was_open && !queues.slave_open)
    }

    /// How many bytes the master may write.
    pub(super) fn input_room(&self) -> usize {
        QUEUE_MAX.saturating_sub(self.queues.lock().to_slave.len())
    }

    /// Takes bytes from the master, for which there is room, and moves what the slave takes.
    pub(super) fn give(&self, bytes: &[u8]) {
        {
            let mut queues = self.queues.lock();
            if queues.to_slave.try_reserve(bytes.len()).is_ok() {
                queues.to_slave.extend(bytes);
            }
        }
        self.feed();
    }

    /// Throws away what the master wrote and the slave hasn't taken.
    pub(super) fn flush_input(&self) {
        self.queues.lock().to_slave.clear();
        self.master_writers.wake_all();
    }

    fn feed(&self) {
        if self.feed_requests.fetch_add(1, Ordering::AcqRel) != 0 {
            return;
        }
        loop {
            let served = self.feed_requests.load(Ordering::Acquire);
            self.feed_once();
            if self.feed_requests.compare_exchange(served, 0, Ordering::AcqRel, Ordering::Relaxed).is_ok() {
                return;
            }
        }
    }

    fn feed_once(&self) {
        let Some(slave) = self.slave() else { return };
        let mut buffer = [0; 64];
        loop {
            let mut count = 0;
            for (slot, byte) in buffer.iter_mut().zip(&self.queues.lock().to_slave) {
                *slot = *byte;
                count += 1;
            }
            let taken = slave.receive(buffer.get(..count).unwrap_or_default());
            let mut queues = self.queues.lock();
            // A signal character may have emptied the queue meanwhile.
            let gone = taken.min(queues.to_slave.len());
            queues.to_slave.drain(..gone);
            if taken < count || count == 0 {
                return;
            }
        }
    }
}

impl Driver for PtyDriver {
    fn room(&self) -> usize {
        QUEUE_MAX.saturating_sub(self.queues.lock().to_master.len())
    }

    fn put(&self, bytes: &[u8]) -> usize {
        let count = {
            let mut queues = self.queues.lock();
            let count = bytes.len().min(QUEUE_MAX.saturating_sub(queues.to_master.len()));
            if queues.to_master.try_reserve(count).is_err() {
                return 0;
            }
            queues.to_master.extend(bytes.iter().take(count));
            count
        };
        if count > 0 {
            self.master_readers.wake_all();
        }
        count
    }

    /// Bytes in the queue are sent already, as Linux has it: the master may take its time.
    fn pending(&self) -> usize {
        0
    }

    fn flush(&self) {
        self.queues.lock().to_master.clear();
    }

    /// The line discipline alone stops output; the master still gets what is in the queue.
    fn set_stopped(&self, _: bool) {}

    fn put_urgent(&self, byte: u8) {
        let mut queues = self.queues.lock();
        if queues.to_master.try_reserve(1).is_ok() {
            queues.to_master.push_front(byte);
        }
        drop(queues);
        self.master_readers.wake_all();
    }

    fn writers(&self) -> &WaitQueue {
        &self.slave_writers
    }

    fn input_wanted(&self) {
        if self.queues.lock().to_slave.is_empty() {
            return;
        }
        self.feed();
        if self.input_room() >= QUEUE_MAX / 2 {
            self.master_writers.wake_all();
        }
    }

    fn configure(&self, termios: &Termios) {
        let plain =
            termios.input().contains(Input::IXON) && termios.cc.get(cc::VSTART) == Some(&0x11) && termios.cc.get(cc::VSTOP) == Some(&0x13);
        let changed = {
            let mut queues = self.queues.lock();
            let changed = queues.plain_flow != plain;
            queues.plain_flow = plain;
            if changed && queues.packet {
                queues.events &= !(packet::DOSTOP | packet::NOSTOP);
            }
            changed
        };
        if changed {
            self.packet_event(if plain { packet::DOSTOP } else { packet::NOSTOP });
        }
    }

    fn set_break(&self, _: bool) -> bool {
        false
    }

    fn packet_event(&self, bits: u8) {
        {
            let mut queues = self.queues.lock();
            if !queues.packet {
                return;
            }
            if bits & packet::STOP != 0 {
                queues.events &= !packet::START;
            }
            if bits & packet::START != 0 {
                queues.events &= !packet::STOP;
            }
            queues.events |= bits;
        }
        self.master_readers.wake_all();
    }

    fn set_in_use(&self, in_use: bool) {
        {
            let mut queues = self.queues.lock();
            queues.slave_open = in_use;
            queues.slave_was_open |= in_use;
        }
        self.master_readers.wake_all();
        self.master_writers.wake_all();
    }

    fn is_pty(&self) -> bool {
        true
    }
}
