//! `snake [--seed N] [--step]`: a game for a text terminal of at least 26 columns and 15 rows.
//!
//! The event loop is one poll(2) over three descriptors: keys come from standard input, turns from a timerfd, the wish that the game ends
//! from a signalfd.

mod game;
mod keys;
mod terminal;

use std::process::ExitCode;

use game::{Content, Direction, Game, HEIGHT, WIDTH};
use keys::{Decoder, Key};
use terminal::Raw;
use user::{files, signals, sys};

const HELP: &str = "\
snake [--seed N] [--step]

Eat, and hit neither the wall nor yourself. Arrow keys or h j k l turn, p pauses, q or ^C quits.

  --seed N   the food comes to the same places each time (default: other ones each time)
  --step     without a clock: the snake moves once a key
";

/// What can end the game from outside.
const ENDS: [i32; 3] = [libc::SIGTERM, libc::SIGHUP, libc::SIGINT];

struct Options {
    seed: u64,
    step: bool,
}

/// The options, or the status to leave with.
fn options() -> Result<Options, ExitCode> {
    let seed = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |time| time.as_nanos() as u64);
    let mut options = Options { seed, step: false };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        match (word.as_str(), &mut options) {
            ("--step", options) => options.step = true,
            ("--help" | "-h", _) => {
                print!("{HELP}");
                return Err(ExitCode::SUCCESS);
            }
            ("--seed", options) => match words.next().and_then(|number| number.parse().ok()) {
                Some(seed) => options.seed = seed,
                None => return Err(usage("--seed needs a number")),
            },
            _ => return Err(usage(&format!("{word} is not known"))),
        }
    }
    Ok(options)
}

fn usage(why: &str) -> ExitCode {
    eprint!("snake: {why}\n{HELP}");
    ExitCode::from(2)
}

fn main() -> ExitCode {
    let options = match options() {
        Ok(options) => options,
        Err(status) => return status,
    };
    // Before the terminal changes, so that no signal comes in between.
    signals::block(&ENDS);
    let Ok(raw) = Raw::enter() else {
        eprintln!("snake: standard input is not a terminal");
        return ExitCode::FAILURE;
    };
    let game = play(Game::new(options.seed), options.step);
    drop(raw);
    println!("{} score {} after {} turns", if game.over { "game over:" } else { "bye:" }, game.score, game.turns);
    ExitCode::SUCCESS
}

/// Plays until the game is over, or the player has enough.
fn play(mut game: Game, step: bool) -> Game {
    let set = signals::set(&ENDS);
    let ends = sys!(signalfd4, -1, &set, 8, libc::SFD_CLOEXEC).expect("signalfd4") as i32;
    let timer = sys!(timerfd_create, libc::CLOCK_MONOTONIC, libc::TFD_CLOEXEC).expect("timerfd_create") as i32;
    let mut decoder = Decoder::default();
    let mut paused = step;
    set_timer(timer, &game, paused);
    while !game.over {
        draw(&game, paused && !step);
        let [keys, turn, end] = wait([0, timer, ends]);
        if end {
            break;
        }
        if keys {
            let bytes = files::read_some(0, 64).unwrap_or_default();
            if bytes.is_empty() {
                // The terminal is gone.
                break;
            }
            for key in bytes.iter().filter_map(|&byte| decoder.feed(byte)) {
                match key {
                    Key::Quit => return game,
                    Key::Turn(direction) => turn_to(&mut game, direction, step),
                    Key::Pause if !step => {
                        paused = !paused;
                        set_timer(timer, &game, paused);
                    }
                    Key::Pause | Key::Other => advance_if(&mut game, step),
                }
            }
        }
        if turn && !paused {
            let _ = files::read_some(timer, 8);
            let before = game.pace();
            game.advance();
            if game.pace() != before {
                set_timer(timer, &game, paused);
            }
        }
    }
    game
}

fn turn_to(game: &mut Game, direction: Direction, step: bool) {
    game.turn(direction);
    advance_if(game, step);
}

fn advance_if(game: &mut Game, step: bool) {
    if step {
        game.advance();
    }
}

/// Sleeps until a descriptor can be read; which can.
fn wait(descriptors: [i32; 3]) -> [bool; 3] {
    // `struct pollfd` in one word: descriptor, wanted, found.
    let mut list = descriptors.map(|fd| fd as u32 as u64 | (libc::POLLIN as u64) << 32);
    // A stop and its end may interrupt the call; then nothing was found.
    let _ = sys!(poll, &mut list, list.len(), -1);
    list.map(|entry| entry >> 48 != 0)
}

/// A tick each turn; none in a pause.
fn set_timer(timer: i32, game: &Game, paused: bool) {
    let period = if paused { 0 } else { game.pace() as i64 * 1_000_000 };
    sys!(timerfd_settime, timer, 0, &[0i64, period, 0, period], 0).expect("timerfd_settime");
}

/// The whole screen anew: it is small.
fn draw(game: &Game, paused: bool) {
    let edge = format!("+{}+\r\n", "-".repeat(WIDTH as usize));
    let mut screen = format!("\x1b[H{edge}");
    for row in 0..HEIGHT {
        screen.push('|');
        screen.extend((0..WIDTH).map(|column| match game.content((column, row)) {
            Content::Nothing => ' ',
            Content::Head => '@',
            Content::Body => 'o',
            Content::Food => '*',
        }));
        screen.push_str("|\r\n");
    }
    let pause = if paused { " - pause" } else { "" };
    screen.push_str(&format!("{edge}turn {} score {}{pause}\x1b[K", game.turns, game.score));
    terminal::print(&screen);
}
