//! A person at a terminal: starts a command on a pseudo-terminal, types, and waits until the screen shows something.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{Mode, OFlags};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcgetattr, tcsetwinsize};

/// How long the screen may take to show what is expected. Generous: only a failure ever waits so long.
const PATIENCE: Duration = Duration::from_secs(60);

/// A command on a pseudo-terminal.
pub struct Session {
    master: File,
    /// Kept open, so that the terminal's mode can be looked at after the command has ended.
    slave: OwnedFd,
    child: Child,
    /// What appeared and was not yet waited for, without escape sequences.
    screen: Text,
    /// All that ever appeared, for the message of a failure.
    transcript: String,
}

impl Session {
    /// Starts `command` (a program and its arguments) with the terminal as its controlling terminal.
    pub fn start(command: &Command, rows: u16, columns: u16) -> Result<Session> {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY)?;
        grantpt(&master)?;
        unlockpt(&master)?;
        let slave = rustix::fs::open(ptsname(&master, Vec::new())?, OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC, Mode::empty())?;
        tcsetwinsize(&slave, size(rows, columns))?;
        // setsid(1) makes the terminal the controlling one.
        let mut wrapped = Command::new("setsid");
        wrapped.args(["--ctty", "--wait"]).arg(command.get_program()).args(command.get_args()).env("TERM", "xterm");
        wrapped.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        let end = || -> Result<Stdio> { Ok(Stdio::from(slave.try_clone()?)) };
        let child = wrapped.stdin(end()?).stdout(end()?).stderr(end()?).spawn().context("cannot start setsid")?;
        Ok(Session { master: File::from(master), slave, child, screen: Text::default(), transcript: String::new() })
    }

    /// Types `keys`.
    pub fn send(&mut self, keys: &str) -> Result<()> {
        Ok(self.master.write_all(keys.as_bytes())?)
    }

    /// Waits until `text` appears, and forgets everything up to it.
    pub fn expect(&mut self, text: &str) -> Result<()> {
        self.expect_any(&[text]).map(|_| ())
    }

    /// Presses a key, again and again until `text` appears: a program that has just been started may not be ready for a signal.
    pub fn press_until(&mut self, key: &str, text: &str) -> Result<()> {
        let end = Instant::now() + PATIENCE;
        loop {
            self.send(key)?;
            let found = self.expect_before(&[text], Instant::now() + Duration::from_millis(500));
            if found.is_ok() || Instant::now() > end {
                return found.map(|_| ());
            }
        }
    }

    /// Waits until one of `texts` appears; tells which.
    pub fn expect_any(&mut self, texts: &[&str]) -> Result<usize> {
        self.expect_before(texts, Instant::now() + PATIENCE)
    }

    fn expect_before(&mut self, texts: &[&str], end: Instant) -> Result<usize> {
        loop {
            let found =
                texts.iter().enumerate().filter_map(|(index, text)| Some((self.screen.plain.find(text)? + text.len(), index))).min();
            if let Some((after, index)) = found {
                self.screen.plain.drain(..after);
                return Ok(index);
            }
            if !self.read(end)? {
                bail!("{texts:?} did not appear; the screen showed:\n{}", self.transcript);
            }
        }
    }

    /// Reads what is there; false when nothing more will come, or not in time.
    fn read(&mut self, end: Instant) -> Result<bool> {
        let left = end.saturating_duration_since(Instant::now());
        let timeout = Timespec { tv_sec: left.as_secs() as i64, tv_nsec: i64::from(left.subsec_nanos()) };
        let ready = poll(&mut [PollFd::new(&self.master, PollFlags::IN)], Some(&timeout))?;
        if ready == 0 {
            return Ok(false);
        }
        let mut buffer = [0; 4096];
        // EIO: nobody has the other end open any more.
        let Ok(count) = self.master.read(&mut buffer) else { return Ok(false) };
        self.transcript.push_str(&String::from_utf8_lossy(&buffer[..count]));
        self.screen.push(&buffer[..count]);
        Ok(count > 0)
    }

    /// Changes the size of the terminal; the kernel tells the command by SIGWINCH.
    pub fn resize(&mut self, rows: u16, columns: u16) -> Result<()> {
        Ok(tcsetwinsize(&self.slave, size(rows, columns))?)
    }

    /// Waits for the end of the command and returns its exit status.
    pub fn wait(&mut self) -> Result<i32> {
        let end = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait()? {
                return status.code().context("setsid was killed");
            }
            if Instant::now() > end {
                bail!("the command did not end; the screen showed:\n{}", self.transcript);
            }
            // The command may be blocked on a full terminal.
            self.read(Instant::now() + Duration::from_millis(50))?;
        }
    }

    /// Sends a signal to the command (its process group is the terminal's foreground group).
    pub fn signal_command(&self, signal: rustix::process::Signal) -> Result<()> {
        let group = rustix::termios::tcgetpgrp(&self.master)?;
        Ok(rustix::process::kill_process_group(group, signal)?)
    }

    /// True when the terminal is in the mode in which a shell's user expects it: lines are edited and echoed.
    pub fn is_cooked(&self) -> Result<bool> {
        use rustix::termios::LocalModes;
        Ok(tcgetattr(&self.slave)?.local_modes.contains(LocalModes::ICANON | LocalModes::ECHO | LocalModes::ISIG))
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // The end of the terminal ends its session; setsid itself waits for it.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn size(rows: u16, columns: u16) -> Winsize {
    Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 }
}

/// Text of a terminal without escape sequences and carriage returns.
#[derive(Default)]
struct Text {
    plain: String,
    escape: Escape,
}

#[derive(Default, PartialEq)]
enum Escape {
    #[default]
    None,
    Started,
    /// Within a control sequence: it ends with a byte from `@` to `~`.
    Control,
}

impl Text {
    fn push(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.escape = match (&self.escape, byte) {
                (_, 0x1b) => Escape::Started,
                (Escape::Started, b'[') => Escape::Control,
                (Escape::Started, _) => Escape::None,
                (Escape::Control, b'@'..=b'~') => Escape::None,
                (Escape::Control, _) => Escape::Control,
                (Escape::None, b'\r') => Escape::None,
                (Escape::None, _) => {
                    self.plain.push(char::from(byte));
                    Escape::None
                }
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escape_sequences_are_left_out() {
        let mut text = Text::default();
        text.push(b"a\x1b[6n\x1b[1;");
        text.push(b"31mb\r\n");
        assert_eq!(text.plain, "ab\n");
    }

    #[test]
    fn a_session_talks_to_a_shell() {
        let mut command = Command::new("sh");
        command.env("PS1", "ready> ");
        let mut session = Session::start(&command, 24, 80).unwrap();
        session.send("stty size\n").unwrap();
        session.expect("24 80").unwrap();
        session.resize(30, 100).unwrap();
        session.send("stty size; exit 3\n").unwrap();
        session.expect("30 100").unwrap();
        assert_eq!(session.wait().unwrap(), 3);
    }
}
