//! Somebody types at the guest's keyboard.

use anyhow::{Result, ensure};
use libtest_mimic::Trial;
use pollux::qemu::{Configuration, Machine};
use pollux::status;
use tests::keyboard::Typist;

use crate::trial;

/// What the log says when keys are served.
const READY: &str = "keyboard: ready";

pub fn tests() -> Vec<Trial> {
    vec![
        trial("keyboard::typed_text_reaches_a_program", || typed_text("", "scancode set 1")),
        trial("keyboard::scancode_set_2_without_translation", || typed_text("i8042.direct", "scancode set 2")),
        trial("keyboard::keys_send_what_linux_sends", keys),
        trial("keyboard::german_layout", german),
        trial("keyboard::ctrl_c_interrupts", interrupt),
        trial("keyboard::a_flood_of_keys_loses_none", flood),
        trial("keyboard::caps_lock", caps_lock),
        trial("keyboard::scroll_lock_holds_output", scroll_lock),
        trial("keyboard::ctrl_alt_del_restarts", restart),
        trial("keyboard::ctrl_alt_del_is_inits_if_it_wants", inits_restart),
        trial("keyboard::sysrq_shows_tasks_and_memory", sysrq),
        trial("keyboard::interrupts_are_counted", interrupts),
        trial("keyboard::pc_without_a_controller", || absent(&|configuration| configuration.without_keyboard = true)),
        trial("keyboard::small_machine_without_a_controller", || absent(&|configuration| configuration.machine = Machine::Microvm)),
    ]
}

/// A shell script that runs at the console, once the keyboard is served. It says "started" when it listens.
fn at_keyboard(parameters: &str, script: &str) -> Result<Typist> {
    let mut typist = Typist::start(parameters, &["sh", "-c", script])?;
    typist.expect("started")?;
    typist.expect_log(READY)?;
    Ok(typist)
}

/// Waits for the program's end, which has to be this one.
fn ends_with(typist: Typist, expected: u8) -> Result<()> {
    let report = typist.end()?;
    ensure!(report.status == expected, "{report:?}");
    Ok(())
}

const READ_LINE: &str = "echo started; read -r line; echo \"got <$line>\"";

fn typed_text(parameters: &str, expected: &str) -> Result<()> {
    let mut typist = at_keyboard(parameters, READ_LINE)?;
    typist.expect_log(expected)?;
    typist.type_text("Hello World! (1+2)*3 = ~9; \"{[|]}\" <'a/b\\c'>\n")?;
    typist.expect("got <Hello World! (1+2)*3 = ~9; \"{[|]}\" <'a/b\\c'>>")?;
    ends_with(typist, 0)
}

/// The bytes of keys without a sign, as a program in raw mode gets them.
fn keys() -> Result<()> {
    let pressed = ["f1", "shift-f1", "f12", "up", "home", "delete", "pgdn", "alt-x", "ctrl-a", "backspace", "tab", "esc", "kp_add", "ret"];
    let expected =
        ["\x1b[[A", "\x1b[23~", "\x1b[24~", "\x1b[A", "\x1b[1~", "\x1b[3~", "\x1b[6~", "\x1bx", "\x01", "\x7f", "\t", "\x1b", "+", "\r"]
            .concat();
    let script = format!("stty raw -echo; echo started; head -c {} | od -An -v -tx1 | tr -d ' \\n'; stty sane", expected.len());
    let mut typist = at_keyboard("", &script)?;
    for key in pressed {
        typist.press(key)?;
    }
    typist.expect(&expected.bytes().map(|byte| format!("{byte:02x}")).collect::<String>())?;
    ends_with(typist, 0)
}

fn german() -> Result<()> {
    let mut typist = at_keyboard("keymap=de", READ_LINE)?;
    typist.expect_log("layout de")?;
    // y, z, the umlauts, sharp s; AltGr; a circumflex and an acute accent that wait for their letters.
    for key in ["z", "y", "semicolon", "shift-apostrophe", "bracket_left", "minus", "alt_r-q", "alt_r-e", "grave_accent", "e", "equal", "a"]
    {
        typist.press(key)?;
    }
    typist.press("ret")?;
    typist.expect("got <yzöÄüß@€êá>")?;
    ends_with(typist, 0)
}

fn interrupt() -> Result<()> {
    let mut typist = at_keyboard("", "echo started; exec cat")?;
    typist.type_text("abc\n")?;
    typist.expect("abc\r\nabc")?;
    typist.press("ctrl-c")?;
    ends_with(typist, 130)
}

/// Several hundred keys, a hundred at a time, as fast as the device lets them come.
fn flood() -> Result<()> {
    let mut typist = at_keyboard("", "echo started; cat > /tmp/typed; md5sum < /tmp/typed; wc -c < /tmp/typed")?;
    let line: String = ('a'..='z').chain('0'..='9').cycle().take(99).chain(['\n']).collect();
    for count in 1..=6 {
        typist.type_text(&line)?;
        // Its echo.
        let whole = line.trim_end().to_owned() + "\r\n";
        let end = std::time::Instant::now() + std::time::Duration::from_secs(240);
        while typist.shown().matches(&whole).count() < count {
            ensure!(std::time::Instant::now() < end, "after {count} lines the console shows:\n{}\n{}", typist.shown(), typist.log());
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    }
    typist.press("ctrl-d")?;
    typist.expect("\r\n600\r\n")?;
    ensure!(!typist.log().contains("were lost"), "{}", typist.log());
    ends_with(typist, 0)
}

fn caps_lock() -> Result<()> {
    let mut typist = at_keyboard("", READ_LINE)?;
    typist.press("caps_lock")?;
    typist.type_text("abcD1")?;
    typist.press("caps_lock")?;
    typist.type_text("e\n")?;
    typist.expect("got <ABCd1e>")?;
    ends_with(typist, 0)
}

/// Output stops and goes on; the second press is what lets the program end.
fn scroll_lock() -> Result<()> {
    let mut typist = at_keyboard("", "echo started; read -r line; echo \"got <$line>\"; read -r line; echo \"then <$line>\"")?;
    typist.press("scroll_lock")?;
    typist.type_text("held\n")?;
    // Keys are served in their order: once this one was, the line has been typed, and neither echo nor answer has come out.
    typist.press("alt-sysrq-h")?;
    typist.expect_log("sysrq: HELP")?;
    ensure!(!typist.shown().contains("held"), "{}", typist.shown());
    typist.press("scroll_lock")?;
    typist.expect("got <held>")?;
    typist.type_text("free\n")?;
    typist.expect("then <free>")?;
    ends_with(typist, 0)
}

fn restart() -> Result<()> {
    let mut typist = at_keyboard("", "echo started; exec cat")?;
    typist.press("ctrl-alt-delete")?;
    typist.expect_log("Ctrl-Alt-Del: restarting")?;
    // A machine that restarts leaves QEMU.
    ends_with(typist, status::GUEST_DIED)
}

/// Process 1 takes Ctrl-Alt-Del for itself and later gives it back.
fn inits_restart() -> Result<()> {
    let path = pollux::kernel_build::program("user", "ctrlaltdel", &["user", "Cargo.toml", "Cargo.lock"])?;
    let path = path.to_string_lossy();
    // The word puts the program into the root; `init=` makes it process 1.
    let mut typist = Typist::start(&format!("init={path}"), &[&path])?;
    typist.expect("started")?;
    typist.expect_log(READY)?;
    typist.press("ctrl-alt-delete")?;
    typist.expect("process 1 got SIGINT")?;
    typist.expect("given back")?;
    typist.press("ctrl-alt-delete")?;
    typist.expect_log("Ctrl-Alt-Del: restarting")?;
    ends_with(typist, status::GUEST_DIED)
}

fn sysrq() -> Result<()> {
    let mut typist = at_keyboard("", READ_LINE)?;
    typist.press("alt-sysrq-h")?;
    typist.expect_log("sysrq: HELP")?;
    typist.press("alt-sysrq-t")?;
    typist.expect_log("keyboard: running")?;
    typist.press("alt-sysrq-m")?;
    typist.expect_log("sysrq: Show Memory")?;
    // Those keys were no input.
    typist.type_text("ok\n")?;
    typist.expect("got <ok>")?;
    ends_with(typist, 0)
}

fn interrupts() -> Result<()> {
    let mut typist = at_keyboard("", "echo started; read -r line; grep i8042 /proc/interrupts")?;
    typist.type_text("abcde\n")?;
    typist.expect("i8042")?;
    let shown = typist.shown();
    let line = shown.lines().find(|line| line.contains("i8042")).unwrap_or_default().to_owned();
    // Six keys went down at least, and the device has answered its commands.
    let count: u64 = line.split_whitespace().nth(1).and_then(|word| word.parse().ok()).unwrap_or(0);
    ensure!(count > 6 && line.trim_start().starts_with("1:"), "{line}");
    ends_with(typist, 0)
}

/// The machine boots, says that there is no keyboard, and runs its program.
fn absent(change: &dyn Fn(&mut Configuration)) -> Result<()> {
    let mut typist = Typist::start_with("", &["sh", "-c", "echo up; sleep 1"], change)?;
    typist.expect("up")?;
    typist.expect_log("keyboard: none: there is no i8042 controller")?;
    ends_with(typist, 0)
}
