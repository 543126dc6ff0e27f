//! Open files of a terminal: reading, writing, polling.

use alloc::sync::Arc;

use abi::termios::Local;
use abi::{Errno, Result, Signal};
use fs::{File, Io, OpenFlags, PollEvents, Side};
use memory::{IoSink, IoSource};
use sync::WaitQueue;

use super::{Tty, job};
use crate::discipline::{Effects, ReadMode};

/// Bytes that a read or a write moves at a time: they pass through the stack, because user memory is never touched under a lock.
const CHUNK: usize = 256;

/// A tenth of a second, the unit of VTIME, in nanoseconds.
const TENTH: u64 = 100_000_000;

/// One open-file description of a terminal.
pub struct TtyFile {
    pub(super) tty: Arc<Tty>,
    pub(super) flags: OpenFlags,
    generation: u32,
    /// Opened as /dev/console: a hang-up doesn't reach it, so that init and the shell it starts keep their terminal.
    immune: bool,
}

impl Tty {
    /// Opens the terminal. EBUSY when it is for the exclusive use of somebody else (TIOCEXCL). With `flags` free of O_NOCTTY a session
    /// leader without a controlling terminal gets this one, unless it is opened as the console.
    pub fn open(self: &Arc<Self>, flags: OpenFlags, as_console: bool) -> Result<Arc<TtyFile>> {
        let first = {
            let mut state = self.state.lock();
            if state.exclusive && state.open_files > 0 && !job::is_privileged() {
                return Err(Errno::EBUSY);
            }
            state.open_files = state.open_files.saturating_add(1);
            state.open_files == 1
        };
        if first {
            self.driver.set_in_use(true);
        }
        if !as_console && !flags.contains(OpenFlags::NOCTTY) && flags.reads() {
            self.adopt_by_opening();
        }
        let generation = self.state.lock().generation;
        Ok(Arc::new(TtyFile { tty: self.clone(), flags, generation, immune: as_console }))
    }
}

impl TtyFile {
    /// The terminal.
    pub fn tty(&self) -> &Arc<Tty> {
        &self.tty
    }

    /// Whether the terminal was hung up since this file was opened.
    pub fn is_hung_up(&self) -> bool {
        !self.immune && self.tty.state.lock().generation != self.generation
    }

    fn read_mode(flags: OpenFlags) -> ReadMode {
        if flags.nonblocking() { ReadMode::Available } else { ReadMode::Blocking }
    }
}

impl File for TtyFile {
    /// EAGAIN until a line, or VMIN bytes, are there; EIO or SIGTTIN (ERESTARTSYS) for a background process.
    fn try_read(&self, io: &mut Io, sink: &mut IoSink<'_>) -> Result<usize> {
        if self.is_hung_up() {
            return Ok(0);
        }
        self.tty.check_job(Signal::SIGTTIN)?;
        let wanted = sink.remaining();
        if wanted == 0 {
            return Ok(0);
        }
        {
            let state = self.tty.state.lock();
            let discipline = &state.discipline;
            if !discipline.is_readable(wanted, Self::read_mode(io.flags)) {
                let polling = !discipline.is_canonical() && discipline.minimum() == 0 && discipline.time() == 0;
                return if polling { Ok(0) } else { Err(Errno::EAGAIN) };
            }
        }
        let mut total = 0;
        let mut buffer = [0; CHUNK];
        loop {
            let size = sink.remaining().min(CHUNK);
            let Some(space) = buffer.get_mut(..size).filter(|space| !space.is_empty()) else { break };
            let mut effects = Effects::default();
            let part = {
                let mut state = self.tty.state.lock();
                let part = state.discipline.read(space, &mut effects);
                if let Some(byte) = effects.urgent {
                    self.tty.driver.put_urgent(byte);
                }
                part
            };
            self.tty.driver.input_wanted();
            match sink.put(space.get(..part.count).unwrap_or_default()) {
                Ok(count) => {
                    total += count;
                    if count < part.count {
                        break;
                    }
                }
                Err(error) if total == 0 => return Err(error),
                Err(_) => break,
            }
            if part.complete {
                break;
            }
        }
        Ok(total)
    }

    /// EAGAIN while output is stopped or the device is full; EIO after a hang-up; SIGTTOU (ERESTARTSYS) for a background process when
    /// TOSTOP is set.
    fn try_write(&self, _: &mut Io, source: &mut IoSource<'_>) -> Result<usize> {
        if self.is_hung_up() {
            return Err(Errno::EIO);
        }
        if self.tty.state.lock().discipline.termios().local().contains(Local::TOSTOP) {
            self.tty.check_job(Signal::SIGTTOU)?;
        }
        if source.remaining() == 0 {
            return Ok(0);
        }
        let _turn = self.tty.write_turn.take();
        let mut total = 0;
        let mut buffer = [0; CHUNK];
        while source.remaining() > 0 {
            let budget = self.tty.reserve_output(source.remaining().min(CHUNK));
            let Some(space) = buffer.get_mut(..budget).filter(|space| !space.is_empty()) else { break };
            match source.take(space) {
                Ok(count) => {
                    self.tty.write_reserved(space.get(..count).unwrap_or_default());
                    total += count;
                    if count < space.len() {
                        break;
                    }
                }
                Err(error) => {
                    self.tty.write_reserved(&[]);
                    if total == 0 {
                        return Err(error);
                    }
                    break;
                }
            }
        }
        if total == 0 { Err(Errno::EAGAIN) } else { Ok(total) }
    }

    fn poll(&self) -> PollEvents {
        let input = PollEvents::IN | PollEvents::RDNORM;
        let output = PollEvents::OUT | PollEvents::WRNORM;
        if self.is_hung_up() {
            return input | output | PollEvents::ERR | PollEvents::HUP;
        }
        let state = self.tty.state.lock();
        let mut events = PollEvents::empty();
        if state.discipline.polls_readable() {
            events |= input;
        }
        if state.discipline.accepts_output() && state.discipline.output_budget(self.tty.driver.room()) > 0 {
            events |= output;
        }
        events
    }

    fn wait_queue(&self, side: Side) -> Option<&WaitQueue> {
        Some(match side {
            Side::Read => &self.tty.readers,
            Side::Write => self.tty.driver.writers(),
        })
    }

    fn signals(&self, side: Side) -> bool {
        side == Side::Read
    }

    /// VTIME. The answer changes with each byte that comes in.
    fn read_deadline(&self, started: u64) -> Option<u64> {
        let state = self.tty.state.lock();
        let discipline = &state.discipline;
        if discipline.is_canonical() || discipline.time() == 0 {
            return None;
        }
        let patience = u64::from(discipline.time()) * TENTH;
        if discipline.minimum() == 0 {
            return Some(started.saturating_add(patience));
        }
        // The timer runs between bytes: not before the first one.
        (discipline.available() > 0).then(|| state.last_input.max(started).saturating_add(patience))
    }

    fn ioctl(&self, command: u32, argument: usize) -> Result<usize> {
        self.tty_ioctl(command, argument)
    }

    fn as_any(&self) -> &dyn core::any::Any {
        self
    }
}

impl Drop for TtyFile {
    fn drop(&mut self) {
        self.tty.file_closed();
    }
}

impl Tty {
    /// Sets room for `wanted` bytes aside and says how many of them may be written, 0 when none.
    fn reserve_output(&self, wanted: usize) -> usize {
        let mut state = self.state.lock();
        if !state.discipline.accepts_output() {
            return 0;
        }
        let room = self.driver.room();
        let count = state.discipline.output_budget(room).min(wanted);
        state.reserved = if count == 0 { 0 } else { room };
        count
    }

    /// Writes bytes for which room was set aside, and gives the rest of it back.
    fn write_reserved(&self, bytes: &[u8]) {
        let mut state = self.state.lock();
        let reserved = core::mem::take(&mut state.reserved);
        let mut gathered = Gather { driver: &*self.driver, buffer: [0; 64], used: 0 };
        state.discipline.write(bytes, reserved, &mut |part| gathered.add(part));
        gathered.send();
        self.drain_echo(&mut state);
    }

    fn file_closed(&self) {
        let last = {
            let mut state = self.state.lock();
            state.open_files = state.open_files.saturating_sub(1);
            if state.open_files == 0 {
                state.exclusive = false;
            }
            state.open_files == 0
        };
        if last {
            self.driver.set_in_use(false);
        }
    }
}

/// Collects the small pieces that output processing gives, so that the driver's lock is taken once for many.
struct Gather<'a> {
    driver: &'a dyn super::Driver,
    buffer: [u8; 64],
    used: usize,
}

impl Gather<'_> {
    fn add(&mut self, part: &[u8]) {
        if self.used + part.len() > self.buffer.len() {
            self.send();
        }
        if let Some(space) = self.buffer.get_mut(self.used..self.used + part.len()) {
            space.copy_from_slice(part);
            self.used += part.len();
        }
    }

    fn send(&mut self) {
        self.driver.put(self.buffer.get(..self.used).unwrap_or_default());
        self.used = 0;
    }
}
