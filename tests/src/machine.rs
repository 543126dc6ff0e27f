//! A machine by itself: QEMU with a serial port and whatever else the test asks for, and none of the ways by which the `pollux`
//! command and its guest speak. What a user of an image would see and type.

use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

/// After this long nothing more is expected. Generous: the machine may be slow and busy.
const LIMIT: Duration = Duration::from_secs(240);

/// A running machine. It ends when this is dropped.
pub struct Machine {
    child: Child,
    keys: ChildStdin,
    serial: Receiver<Vec<u8>>,
    /// What the serial port said and nobody waited for yet.
    said: String,
}

impl Machine {
    /// Starts a machine of this kind with its usual devices, no screen, and these arguments, one of which gives it `stdio`.
    pub fn start(kind: &str, arguments: &[&str]) -> Result<Machine> {
        let mut command = Command::new(pollux::packages::qemu()?);
        command.args(["-machine", kind, "-accel", "tcg", "-cpu", "max", "-m", "256", "-display", "none"]);
        let mut child = command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
        let (Some(keys), Some(mut output)) = (child.stdin.take(), child.stdout.take()) else {
            bail!("the machine has no standard streams")
        };
        let (sender, serial) = mpsc::channel();
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(count @ 1..) = output.read(&mut buffer) {
                if sender.send(buffer[..count].to_vec()).is_err() {
                    return;
                }
            }
        });
        Ok(Machine { child, keys, serial, said: String::new() })
    }

    /// Starts a PC from this image, as a CD.
    pub fn from_cd(image: &Path, more: &[&str]) -> Result<Machine> {
        let image = image.to_string_lossy();
        Machine::start("q35", &[&["-serial", "stdio", "-cdrom", &image], more].concat())
    }

    /// Types a line.
    pub fn type_line(&mut self, line: &str) -> Result<()> {
        Ok(self.keys.write_all(format!("{line}\n").as_bytes())?)
    }

    /// Waits until the serial port has said this, and gives all that it said up to there.
    pub fn wait_for(&mut self, text: &str) -> Result<String> {
        let deadline = Instant::now() + LIMIT;
        loop {
            if let Some(at) = self.said.find(text) {
                let rest = self.said.split_off(at + text.len());
                return Ok(std::mem::replace(&mut self.said, rest));
            }
            match self.serial.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(bytes) => self.said.push_str(&String::from_utf8_lossy(&bytes)),
                Err(RecvTimeoutError::Timeout) => bail!("no {text:?} within {LIMIT:?}; the machine said {:?}", self.said),
                Err(RecvTimeoutError::Disconnected) => bail!("the machine ended without {text:?}; it said {:?}", self.said),
            }
        }
    }

    /// Waits until the machine ends by itself, and gives what it said.
    pub fn wait_for_end(&mut self) -> Result<(ExitStatus, String)> {
        let deadline = Instant::now() + LIMIT;
        loop {
            match self.serial.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(bytes) => self.said.push_str(&String::from_utf8_lossy(&bytes)),
                Err(RecvTimeoutError::Timeout) => bail!("the machine runs on after {LIMIT:?}; it said {:?}", self.said),
                Err(RecvTimeoutError::Disconnected) => return Ok((self.child.wait()?, std::mem::take(&mut self.said))),
            }
        }
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
