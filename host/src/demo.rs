//! The `demo` command: native programs that show something, built and run in one step.

use std::io::Write;

use anyhow::Result;

use crate::kernel_build;
use crate::run::{self, MachineOptions};

/// What the programs are built from.
const SOURCES: &[&str] = &["user", "Cargo.toml", "Cargo.lock"];

/// A program of the `user` package.
#[derive(clap::ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Demo {
    /// A small shell, written as async tasks
    Shell,
    /// Snake, for a text terminal
    Game,
    /// One job in five models of input and output
    FiveModels,
}

impl Demo {
    fn binary(self) -> &'static str {
        match self {
            Demo::Shell => "pollux-shell",
            Demo::Game => "snake",
            Demo::FiveModels => "five-models",
        }
    }
}

/// Builds the program and runs it on Pollux; without a name, lists what there is.
pub fn run(machine: &MachineOptions, demo: Option<Demo>, arguments: &[String]) -> Result<u8> {
    let Some(demo) = demo else {
        list(&mut std::io::stdout())?;
        return Ok(0);
    };
    let program = kernel_build::program("user", demo.binary(), SOURCES)?;
    let mut words = vec![program.to_string_lossy().into_owned()];
    words.extend_from_slice(arguments);
    run::run(machine, &words)
}

fn list(output: &mut impl Write) -> std::io::Result<()> {
    for value in <Demo as clap::ValueEnum>::value_variants() {
        if let Some(possible) = clap::ValueEnum::to_possible_value(value) {
            writeln!(output, "{:12} {}", possible.get_name(), possible.get_help().map(ToString::to_string).unwrap_or_default())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_has_all_with_a_word_on_each() {
        let mut text = Vec::new();
        list(&mut text).unwrap();
        let text = String::from_utf8(text).unwrap();
        for name in ["shell", "game", "five-models"] {
            assert!(text.lines().any(|line| line.starts_with(name) && line.len() > 20), "{text}");
        }
    }
}
