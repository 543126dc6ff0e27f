//! 420 random settings and inputs with what Linux 6.x did with them: `recorded.txt` holds, for each, the octal iflag, oflag and lflag,
//! the size of each read, what a program wrote first and what came out, what was then typed, its echo, and what each read gave
//! (`-` is nothing, `.` no read at all).

use std::format;
use std::string::String;
use std::vec::Vec;

use abi::termios::cc;

use super::Bench;

fn bytes(hex: &str) -> Vec<u8> {
    if hex == "-" {
        return Vec::new();
    }
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

#[test]
fn behaves_as_recorded_on_linux() {
    let mut wrong = Vec::<String>::new();
    for (number, line) in include_str!("recorded.txt").lines().enumerate() {
        let fields: Vec<&str> = line.split(' ').collect();
        let octal = |at: usize| u32::from_str_radix(fields[at], 8).unwrap();
        let mut bench = Bench::new(|termios| {
            (termios.iflag, termios.oflag, termios.lflag) = (octal(0), octal(1), octal(2));
            termios.cc[cc::VEOL] = b'$';
            termios.cc[cc::VEOL2] = b'%';
        });
        let size: usize = fields[3].parse().unwrap();
        let (written, _) = bench.write(&bytes(fields[4]), usize::MAX);
        let echo = bench.typed(&bytes(fields[6]));
        let mut reads = Vec::new();
        while let Some(part) = bench.read(size) {
            reads.push(part);
        }
        let expected: Vec<Vec<u8>> = if fields[8] == "." { Vec::new() } else { fields[8].split(',').map(bytes).collect() };
        if written != bytes(fields[5]) {
            wrong.push(format!("line {}: output {written:x?}", number + 1));
        } else if echo != bytes(fields[7]) {
            wrong.push(format!("line {}: echo {} instead of {}", number + 1, echo.escape_ascii(), bytes(fields[7]).escape_ascii()));
        } else if reads != expected {
            wrong.push(format!("line {}: reads {reads:x?} instead of {expected:x?}", number + 1));
        }
    }
    assert!(wrong.is_empty(), "{} differences:\n{}", wrong.len(), wrong.join("\n"));
}
