//! QEMU's monitor: types keys, takes pictures of the screen and reads the guest's memory, for tests and tools.
//!
//! It speaks QMP, QEMU's machine protocol, in which each answer is one line of JSON; the commands themselves are those of the
//! monitor for people (`human-monitor-command`), which know key names and file formats. Pictures and memory come in files that
//! exist only in memory and that QEMU opens by their number in our process.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};

use crate::picture::Picture;

/// An answer takes no longer than this, unless QEMU hangs.
const PATIENCE: Duration = Duration::from_secs(240);

/// Our end of a machine's monitor.
pub struct Monitor {
    stream: BufReader<UnixStream>,
    /// QEMU has greeted and takes commands.
    open: bool,
}

impl Monitor {
    /// A monitor, and QEMU's end of it for [`crate::qemu::Configuration::monitor`].
    pub fn pair() -> Result<(Monitor, OwnedFd)> {
        let (ours, qemus) = UnixStream::pair()?;
        ours.set_read_timeout(Some(PATIENCE))?;
        Ok((Monitor { stream: BufReader::new(ours), open: false }, qemus.into()))
    }

    /// Runs a command of the monitor for people (`help` lists them) and gives its output. Fails when QEMU is gone.
    pub fn command(&mut self, line: &str) -> Result<String> {
        if !self.open {
            self.execute(json!({ "execute": "qmp_capabilities" }))?;
            self.open = true;
        }
        let answer = self.execute(json!({ "execute": "human-monitor-command", "arguments": { "command-line": line } }))?;
        Ok(answer.as_str().unwrap_or_default().to_owned())
    }

    /// Sends one request and waits for its answer. The greeting and events, which come in between, are skipped.
    fn execute(&mut self, request: Value) -> Result<Value> {
        writeln!(self.stream.get_mut(), "{request}").context("QEMU's monitor is gone")?;
        loop {
            let mut line = String::new();
            ensure!(self.stream.read_line(&mut line).context("QEMU's monitor says nothing")? > 0, "QEMU's monitor is gone");
            let mut answer: Value = serde_json::from_str(&line).with_context(|| format!("QEMU's monitor says: {line}"))?;
            if let Some(error) = answer.get("error") {
                bail!("QEMU's monitor refuses {request}: {error}");
            }
            if let Some(value) = answer.get_mut("return") {
                return Ok(value.take());
            }
        }
    }

    /// Runs a command that says nothing when it succeeds.
    fn order(&mut self, line: &str) -> Result<()> {
        let complaint = self.command(line)?;
        ensure!(complaint.trim().is_empty(), "{line}: {complaint}");
        Ok(())
    }

    /// Presses keys at the same time and releases them: QEMU's names joined by hyphens, such as `ret` or `ctrl-alt-f2`.
    pub fn send_key(&mut self, keys: &str) -> Result<()> {
        self.order(&format!("sendkey {keys}"))
    }

    /// The pixels of the screen as they are now. Fails on a machine without one.
    pub fn screendump(&mut self) -> Result<Picture> {
        let content = self.by_file(&|name| format!("screendump {name}"))?;
        Picture::from_ppm(&content).context("a screen dump that is no picture")
    }

    /// Writes a picture of the screen to a PNG file.
    pub fn save_png(&mut self, path: &Path) -> Result<()> {
        let content = self.by_file(&|name| format!("screendump {name} -f png"))?;
        std::fs::write(path, content).with_context(|| format!("cannot write {}", path.display()))
    }

    /// `length` bytes of guest memory from a physical address on.
    pub fn memory(&mut self, address: u64, length: usize) -> Result<Vec<u8>> {
        let content = self.by_file(&|name| format!("pmemsave {address:#x} {length} \"{name}\""))?;
        ensure!(content.len() == length, "asked for {length} bytes at {address:#x}, got {}", content.len());
        Ok(content)
    }

    /// What a command writes into the file that it is given.
    fn by_file(&mut self, command: &dyn Fn(&str) -> String) -> Result<Vec<u8>> {
        let file = rustix::fs::memfd_create("monitor", rustix::fs::MemfdFlags::CLOEXEC).context("cannot make a memory file")?;
        let name = format!("/proc/{}/fd/{}", std::process::id(), file.as_raw_fd());
        self.order(&command(&name))?;
        let mut file = File::from(file);
        file.seek(SeekFrom::Start(0))?;
        let mut content = Vec::new();
        file.read_to_end(&mut content)?;
        Ok(content)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Answers each request of `monitor` with the next text.
    fn answer(qemu: OwnedFd, texts: &'static [&'static str]) -> std::thread::JoinHandle<Vec<String>> {
        std::thread::spawn(move || {
            let mut stream = BufReader::new(UnixStream::from(qemu));
            let mut requests = Vec::new();
            for text in texts {
                let mut line = String::new();
                stream.read_line(&mut line).unwrap();
                requests.push(line);
                stream.get_mut().write_all(text.as_bytes()).unwrap();
            }
            requests
        })
    }

    #[test]
    fn greeting_and_events_are_no_answers() {
        let (mut monitor, qemu) = Monitor::pair().unwrap();
        let texts = &["{\"QMP\": {}}\n{\"return\": {}}\n", "{\"event\": \"STOP\"}\n{\"return\": \"a\\r\\nb\"}\n"];
        let requests = answer(qemu, texts);
        assert_eq!(monitor.command("info \"x\"").unwrap(), "a\r\nb");
        assert!(requests.join().unwrap()[1].contains(r#""info \"x\"""#));
    }

    #[test]
    fn complaints_and_silence_are_errors() {
        let (mut monitor, qemu) = Monitor::pair().unwrap();
        let requests = answer(qemu, &["{\"return\": {}}\n", "{\"return\": \"unknown key\"}\n", "{\"error\": {}}\n"]);
        assert!(monitor.send_key("nokey").unwrap_err().to_string().contains("unknown key"));
        assert!(monitor.command("x").unwrap_err().to_string().contains("refuses"));
        requests.join().unwrap();
        assert!(monitor.command("x").unwrap_err().to_string().contains("gone"));
    }
}
