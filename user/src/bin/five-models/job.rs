//! The producers, and what becomes of their lines.

use std::fmt;
use user::child::{Child, fork, pause_ms};
use user::files::{close, pipe, write};
use user::random::Random;

pub const PRODUCERS: usize = 3;

/// Three running producers.
pub struct Job {
    /// The reading ends of their pipes.
    pub pipes: [i32; PRODUCERS],
    producers: Vec<Child>,
    lines: usize,
}

/// The lines in order.
pub struct Merged {
    lines: Vec<String>,
}

impl Job {
    /// Starts the producers, of which each writes `lines` lines.
    pub fn start(lines: usize) -> Job {
        let pipes = std::array::from_fn(|_| pipe(libc::O_CLOEXEC));
        let start = |own: usize| {
            fork(|| {
                // Somebody else's end, kept open, would hide the end of that pipe.
                pipes.iter().enumerate().for_each(|(index, &(reader, writer))| {
                    close(reader);
                    if index != own {
                        close(writer);
                    }
                });
                produce(own, lines, pipes[own].1);
            })
        };
        let producers = (0..PRODUCERS).map(start).collect();
        pipes.iter().for_each(|&(_, writer)| close(writer));
        Job { pipes: pipes.map(|(reader, _)| reader), producers, lines }
    }

    /// Closes the pipes and puts the gathered bytes of each in order. A producer that failed or a line that is missing is an error.
    pub fn finish(self, gathered: &[Vec<u8>]) -> Merged {
        self.pipes.iter().for_each(|&pipe| close(pipe));
        self.producers.into_iter().for_each(Child::passed);
        let mut lines: Vec<String> =
            gathered.iter().flat_map(|bytes| String::from_utf8_lossy(bytes).lines().map(str::to_owned).collect::<Vec<_>>()).collect();
        lines.sort();
        assert_eq!(lines.len(), self.lines * PRODUCERS, "lines were lost");
        Merged { lines }
    }
}

/// One producer. Its pauses are short and uneven; now and then it writes a line in two halves.
fn produce(own: usize, lines: usize, pipe: i32) {
    let mut random = Random::new(own as u64);
    for line in 0..lines {
        let text = format!("{line:05} {} {:016x}\n", ["alpha", "beta", "gamma"][own], random.word());
        let cut = random.below(text.len());
        for part in [&text[..cut], &text[cut..]].into_iter().filter(|part| !part.is_empty()) {
            assert_eq!(write(pipe, part.as_bytes()), Ok(part.len()));
            pause_ms(random.below(3) as u64);
        }
    }
}

impl fmt::Display for Merged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // FNV-1a: enough to see that two results are the same.
        let bytes = self.lines.iter().flat_map(|line| line.bytes().chain([b'\n']));
        let sum = bytes.fold(0xcbf2_9ce4_8422_2325u64, |sum, byte| (sum ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        let last = self.lines.last().map_or("nothing", String::as_str);
        write!(f, "{} lines, sum {sum:016x}, last {last}", self.lines.len())
    }
}
