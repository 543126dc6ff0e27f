//! The interactive shell, by a person's means: keys go in, text appears.

use anyhow::{Result, ensure};
use libtest_mimic::Trial;
use tests::command;
use tests::pseudo_terminal::Session;

use crate::trial;

/// How the prompt of the default root ends.
const PROMPT: &str = "# ";
const CTRL_C: &str = "\x03";
const CTRL_D: &str = "\x04";
const CTRL_Z: &str = "\x1a";
const CTRL_BACKSLASH: &str = "\x1c";

pub fn tests() -> Vec<Trial> {
    vec![
        trial("pty::prompt_and_pipeline", pipeline),
        trial("pty::no_messages_above_the_prompt", no_messages),
        trial("pty::exit_status", exit_status),
        trial("pty::interrupt", interrupt),
        trial("pty::quit", quit),
        trial("pty::suspend_and_resume", suspend),
        trial("pty::background_job_tells_its_end", background),
        trial("pty::background_reader_is_stopped", background_reader),
        trial("pty::end_of_file", end_of_file),
        trial("pty::line_editing", line_editing),
        trial("pty::line_discipline_edits", line_discipline),
        trial("pty::window_size", window_size),
        trial("pty::terminal_mode_comes_back", mode_comes_back),
        trial("pty::leaving_by_force", leaving),
        trial("pty::signal_restores_the_terminal", signal_restores),
    ]
}

/// The shell at its first prompt.
fn shell() -> Result<Session> {
    let mut session = Session::start(&command::pollux(&["--timeout", "600"]), 24, 80)?;
    session.expect(PROMPT)?;
    Ok(session)
}

/// A job that waits for long.
const SLEEP: &str = "sh -c 'echo started; exec sleep 100'";

/// Types a command that prints "started", and waits for that: while the shell itself reads, it has switched the terminal's
/// signals off, and only from then on the next key is for the command.
fn start(session: &mut Session, command: &str) -> Result<()> {
    session.send(&format!("{command}\n"))?;
    session.expect("started\n")
}

/// Leaves the shell.
fn leave(mut session: Session) -> Result<()> {
    session.send("exit\n")?;
    let status = session.wait()?;
    ensure!(session.is_cooked()?, "the terminal's mode did not come back");
    ensure!(status == 0 || status == 130, "the shell ended with {status}");
    Ok(())
}

fn pipeline() -> Result<()> {
    let mut session = shell()?;
    session.send("echo one two | tr a-z A-Z | rev\n")?;
    session.expect("OWT ENO")?;
    session.expect(PROMPT)?;
    session.send("tty\n")?;
    session.expect_any(&["/dev/ttyS0", "/dev/console"])?;
    leave(session)
}

/// The terminal is the programs': the kernel's messages go elsewhere.
fn no_messages() -> Result<()> {
    let mut session = Session::start(&command::pollux(&["--timeout", "600"]), 24, 80)?;
    let first = session.expect_any(&["info: ", PROMPT])?;
    ensure!(first == 1, "a message of the kernel is shown");
    leave(session)
}

fn exit_status() -> Result<()> {
    let mut session = shell()?;
    session.send("exit 5\n")?;
    let status = session.wait()?;
    ensure!(status == 5, "{status}");
    Ok(())
}

fn interrupt() -> Result<()> {
    let mut session = shell()?;
    start(&mut session, SLEEP)?;
    session.press_until(CTRL_C, PROMPT)?;
    session.send("echo status=$?\n")?;
    session.expect("status=130")?;
    // A loop that never enters the kernel by itself is interrupted too.
    start(&mut session, "echo started; while :; do :; done")?;
    session.press_until(CTRL_C, PROMPT)?;
    session.send("echo still $((40 + 2))\n")?;
    session.expect("still 42")?;
    leave(session)
}

fn quit() -> Result<()> {
    let mut session = shell()?;
    start(&mut session, SLEEP)?;
    session.press_until(CTRL_BACKSLASH, PROMPT)?;
    session.send("echo status=$?\n")?;
    session.expect("status=131")?;
    leave(session)
}

fn suspend() -> Result<()> {
    let mut session = shell()?;
    start(&mut session, SLEEP)?;
    session.press_until(CTRL_Z, "Stopped")?;
    session.expect(PROMPT)?;
    session.send("jobs\n")?;
    session.expect("Stopped")?;
    session.expect(PROMPT)?;
    session.send("bg\n")?;
    session.expect("sleep 100")?;
    session.expect(PROMPT)?;
    session.send("jobs\n")?;
    session.expect("Running")?;
    session.expect(PROMPT)?;
    session.send("fg\n")?;
    session.expect("sleep 100")?;
    session.press_until(CTRL_C, PROMPT)?;
    session.send("jobs; echo none left\n")?;
    session.expect("none left\n")?;
    leave(session)
}

fn background() -> Result<()> {
    let mut session = shell()?;
    session.send("sleep 0.2 &\n")?;
    session.expect(PROMPT)?;
    session.send("wait; echo waited\n")?;
    session.expect("waited\n")?;
    session.expect("Done")?;
    leave(session)
}

fn background_reader() -> Result<()> {
    let mut session = shell()?;
    session.send("cat &\n")?;
    session.expect(PROMPT)?;
    // SIGTTIN stops it; the shell tells at the next prompt.
    session.send("sleep 0.3; jobs\n")?;
    session.expect("Stopped")?;
    session.send("kill -9 %1\n")?;
    session.expect(PROMPT)?;
    session.send("sleep 0.3\n")?;
    session.expect("Killed")?;
    leave(session)
}

fn end_of_file() -> Result<()> {
    let mut session = shell()?;
    start(&mut session, "echo started; cat")?;
    session.send("typed\n")?;
    session.expect("typed\ntyped\n")?;
    session.send(CTRL_D)?;
    session.expect(PROMPT)?;
    session.send(CTRL_D)?;
    let status = session.wait()?;
    ensure!(status == 0 && session.is_cooked()?, "{status}");
    Ok(())
}

fn line_editing() -> Result<()> {
    let mut session = shell()?;
    // Cursor left, insert; Ctrl-A, insert; then the line again from the history.
    session.send("eho edited\x1b[D\x1b[D\x1b[D\x1b[D\x1b[D\x1b[D\x1b[D\x1b[D\x1b[Dc\x05 line\n")?;
    session.expect("\nedited line\n")?;
    session.expect(PROMPT)?;
    session.send("\x1b[A\n")?;
    session.expect("\nedited line\n")?;
    session.expect(PROMPT)?;
    // Completion.
    session.send("ls /etc/hostn\t\n")?;
    session.expect("\n/etc/hostname\n")?;
    leave(session)
}

fn line_discipline() -> Result<()> {
    let mut session = shell()?;
    start(&mut session, "echo started; cat > /tmp/typed")?;
    // Erase one character, the word, the whole line.
    session.send("abx\x7fc one\x17two\nwrong\x15right\n\x04")?;
    session.expect(PROMPT)?;
    session.send("cat /tmp/typed\n")?;
    session.expect("abc two\nright\n")?;
    leave(session)
}

fn window_size() -> Result<()> {
    let mut session = shell()?;
    session.send("stty size\n")?;
    session.expect("24 80\n")?;
    session.expect(PROMPT)?;
    start(&mut session, "sh -c 'trap \"echo changed; stty size\" WINCH; echo started; while :; do sleep 0.1; done'")?;
    session.resize(40, 132)?;
    session.expect("changed\n")?;
    session.expect("40 132\n")?;
    session.press_until(CTRL_C, PROMPT)?;
    leave(session)
}

fn mode_comes_back() -> Result<()> {
    let mut session = shell()?;
    ensure!(!session.is_cooked()?, "the terminal is not raw while the guest has it");
    session.send("exit 0\n")?;
    ensure!(session.wait()? == 0 && session.is_cooked()?, "the terminal's mode did not come back");
    Ok(())
}

fn leaving() -> Result<()> {
    let mut session = shell()?;
    session.send("\x1d.")?;
    let status = session.wait()?;
    ensure!(status == 130 && session.is_cooked()?, "{status}");
    Ok(())
}

fn signal_restores() -> Result<()> {
    let mut session = shell()?;
    session.signal_command(rustix::process::Signal::TERM)?;
    let status = session.wait()?;
    ensure!(status == 143 && session.is_cooked()?, "{status}");
    Ok(())
}
