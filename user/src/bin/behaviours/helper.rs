//! What this program does when a test executes it: small services that show what came through execve.

use user::child::pause_ms;
use user::files::{fcntl, read_some, write};
use user::{signals, sys};

/// `words` are the whole argv.
pub fn main(words: &[String]) -> i32 {
    if words[1] == "--script" {
        words.iter().for_each(|word| println!("{word}"));
        return 0;
    }
    match words[2].as_str() {
        "args" => words[3..].iter().for_each(|word| println!("{word}")),
        "name" => println!("{}", words[0]),
        "env" => std::env::vars().for_each(|(name, value)| println!("{name}={value}")),
        "exit" => return words[3].parse().unwrap_or(99),
        "descriptors" => (3..100).filter(|&fd| fcntl(fd, libc::F_GETFD, 0).is_ok()).for_each(|fd| println!("{fd}")),
        "mask" => println!("{:x} {:x}", signals::current_mask(), signals::pending()),
        "disposition" => println!("{}", disposition(words[3].parse().unwrap_or(0))),
        "ids" => println!("{:?} {:?}", sys!(getuid), sys!(geteuid)),
        "pid" => println!("{}", std::process::id()),
        "cat" => {
            while let Ok(bytes) = read_some(0, 4096)
                && !bytes.is_empty()
            {
                let _ = write(1, &bytes);
            }
        }
        "sleep" => pause_ms(1_000_000),
        "auxv" => println!("{} {}", auxiliary(libc::AT_PAGESZ), auxiliary(libc::AT_RANDOM) != 0),
        _ => return 98,
    }
    0
}

/// 0 default, 1 ignored, 2 handled.
fn disposition(signal: i32) -> usize {
    let mut action = [0usize; 4];
    match sys!(rt_sigaction, signal, 0, &mut action, 8) {
        Ok(_) => action[0].min(2),
        Err(_) => 9,
    }
}

fn auxiliary(kind: u64) -> u64 {
    // SAFETY: reads the vector that the kernel put on the stack.
    unsafe { libc::getauxval(kind) }
}
