//! The master's side of a pair: the file that opening /dev/ptmx gives.

use alloc::sync::Arc;

use abi::termios::ioctl;
use abi::{Errno, Result};
use fs::{File, Io, OpenFile, OpenFlags, PollEvents, Side};
use memory::{IoSink, IoSource, UserPtr};
use sync::WaitQueue;

use super::Pty;
use super::driver::Found;
use crate::tty::{Origin, signal_by_master};

/// Bytes moved at a time; they pass through the stack.
const CHUNK: usize = 256;

/// Bytes that one step of a write takes. A full line drops what follows, so the slave's queue alone would let a write of any size through at once,
/// and nothing else would run meanwhile.
const WRITE_MAX: usize = 64 << 10;

/// The master of a pair. Closing it hangs the slave up.
pub struct MasterFile {
    pty: Arc<Pty>,
}

impl MasterFile {
    /// A new pair, whose slave belongs to `uid`; ENOSPC, ENOMEM.
    pub fn open(uid: u32) -> Result<Arc<MasterFile>> {
        Ok(Arc::new(MasterFile { pty: Pty::new(uid)? }))
    }

    /// The pair.
    pub fn pty(&self) -> &Arc<Pty> {
        &self.pty
    }

    /// TIOCGPTPEER: opens the slave as a new descriptor, without any path.
    fn open_peer(&self, flags: usize) -> Result<usize> {
        let flags = OpenFlags::from_bits_truncate(flags as u32);
        let file = self.pty.slave.open(flags, false)?;
        let path = super::devpts::path_of(&self.pty)?;
        let description = Arc::new(OpenFile::new(path, file, flags.difference(OpenFlags::CLOEXEC)));
        crate::tty::install_descriptor(description, flags.contains(OpenFlags::CLOEXEC))
    }
}

impl File for MasterFile {
    /// EAGAIN while the slave says nothing; EIO once nobody has it open any more.
    fn try_read(&self, _: &mut Io, sink: &mut IoSink<'_>) -> Result<usize> {
        if sink.remaining() == 0 {
            return Ok(0);
        }
        let driver = &self.pty.driver;
        let packet = driver.is_packet();
        let mut total = 0;
        let mut buffer = [0; CHUNK];
        loop {
            // In packet mode a read begins with a byte that says what follows: 0 for bytes of the slave.
            let head = usize::from(packet && total == 0);
            let size = sink.remaining().min(CHUNK);
            if size == 0 {
                break;
            }
            let found = driver.take(buffer.get_mut(head..size).unwrap_or_default(), total == 0);
            let count = match found {
                Found::Events(events) => {
                    if let Some(first) = buffer.first_mut() {
                        *first = events;
                    }
                    return sink.put(buffer.get(..1).unwrap_or_default());
                }
                Found::Bytes(count) => {
                    if let (1, Some(first)) = (head, buffer.first_mut()) {
                        *first = 0;
                    }
                    count + head
                }
                Found::Nothing | Found::Closed if total > 0 => break,
                Found::Nothing => return Err(Errno::EAGAIN),
                Found::Closed => return Err(Errno::EIO),
            };
            match sink.put(buffer.get(..count).unwrap_or_default()) {
                Ok(put) => total += put,
                Err(error) if total == 0 => return Err(error),
                Err(_) => break,
            }
        }
        driver.taken();
        Ok(total)
    }

    /// EAGAIN while the slave's input is full. Takes part of a long write; the caller goes on with the rest.
    fn try_write(&self, _: &mut Io, source: &mut IoSource<'_>) -> Result<usize> {
        if source.remaining() == 0 {
            return Ok(0);
        }
        let _turn = self.pty.write_turn.take();
        let mut total = 0;
        let mut buffer = [0; CHUNK];
        while source.remaining() > 0 && total < WRITE_MAX {
            let size = self.pty.driver.input_room().min(source.remaining()).min(CHUNK);
            let Some(space) = buffer.get_mut(..size).filter(|space| !space.is_empty()) else { break };
            match source.take(space) {
                Ok(0) => break,
                Ok(count) => {
                    self.pty.driver.give(space.get(..count).unwrap_or_default());
                    total += count;
                }
                Err(error) if total == 0 => return Err(error),
                Err(_) => break,
            }
        }
        if total == 0 { Err(Errno::EAGAIN) } else { Ok(total) }
    }

    fn poll(&self) -> PollEvents {
        let (bytes, happened, closed) = self.pty.driver.state_for_master();
        let mut events = PollEvents::empty();
        if bytes > 0 || happened || closed {
            events |= PollEvents::IN | PollEvents::RDNORM;
        }
        if happened {
            events |= PollEvents::PRI;
        }
        if closed {
            events |= PollEvents::HUP;
        }
        if self.pty.driver.input_room() > 0 {
            events |= PollEvents::OUT | PollEvents::WRNORM;
        }
        events
    }

    fn wait_queue(&self, side: Side) -> Option<&WaitQueue> {
        Some(match side {
            Side::Read => &self.pty.driver.master_readers,
            Side::Write => &self.pty.driver.master_writers,
        })
    }

    fn signals(&self, side: Side) -> bool {
        side == Side::Read
    }

    fn ioctl(&self, command: u32, argument: usize) -> Result<usize> {
        let number = UserPtr::<i32>::new(argument);
        match command {
            ioctl::TIOCGPTN => number.write(&(self.pty.number as i32))?,
            ioctl::TIOCSPTLCK => self.pty.set_locked(number.read()? != 0),
            ioctl::TIOCGPTLCK => number.write(&i32::from(self.pty.is_locked()))?,
            ioctl::TIOCPKT => self.pty.driver.set_packet(number.read()? != 0),
            ioctl::TIOCGPKT => number.write(&i32::from(self.pty.driver.is_packet()))?,
            ioctl::TIOCGPTPEER => return self.open_peer(argument),
            ioctl::TIOCSIG => signal_by_master(&self.pty.slave, argument)?,
            ioctl::FIONREAD => number.write(&(self.pty.driver.state_for_master().0 as i32))?,
            ioctl::TIOCOUTQ => number.write(&0)?,
            // A master is nobody's controlling terminal.
            ioctl::TIOCSCTTY => return Err(Errno::EPERM),
            ioctl::TIOCNOTTY => return Err(Errno::ENOTTY),
            ioctl::TCFLSH => {
                if argument > 2 {
                    return Err(Errno::EINVAL);
                }
                // From the master's side, input is what the slave wrote.
                if argument != 1 {
                    crate::tty::Driver::flush(&*self.pty.driver);
                    self.pty.driver.taken();
                }
                if argument != 0 {
                    self.pty.driver.flush_input();
                }
            }
            _ => return self.pty.slave.ioctl(&Origin { from_master: true, readable: true }, command, argument),
        }
        Ok(0)
    }

    fn as_any(&self) -> &dyn core::any::Any {
        self
    }
}

impl Drop for MasterFile {
    fn drop(&mut self) {
        self.pty.close();
    }
}
