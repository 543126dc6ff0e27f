//! `pollux bench`: measures the kernel and prints a table. Instructions are counted by QEMU (`-icount`) and are the same in
//! every run; times are those of this machine.

mod figures;
mod measure;

use anyhow::Result;

use figures::{FIGURES, Figure};

/// A measured value, to be compared with the goal.
pub type Value = f64;

/// Measures all figures whose name contains `filter` and prints them. Returns 1 when one missed its goal or could not be measured.
pub fn run(filter: Option<&str>) -> Result<u8> {
    let chosen = FIGURES.iter().filter(|figure| filter.is_none_or(|filter| figure.name.contains(filter)));
    let mut missed = 0;
    println!("| Figure | Pollux | Goal | Linux 6.1 |");
    println!("|---|---:|---:|---:|");
    for figure in chosen {
        let (text, good) = judge(figure, (figure.measure)());
        missed += u8::from(!good);
        let goal = figure.goal.map_or(String::new(), |goal| format!("≤ {}", show(goal, figure.unit)));
        println!("| {} | {text} | {goal} | {} |", figure.name, figure.linux);
    }
    Ok(u8::from(missed > 0))
}

/// The text of a cell, and whether the goal was met.
fn judge(figure: &Figure, value: Result<Value>) -> (String, bool) {
    match value {
        Err(error) => (format!("not measured: {error:#}").replace('\n', " "), false),
        Ok(value) => {
            let good = figure.goal.is_none_or(|goal| value <= goal);
            (format!("{}{}", show(value, figure.unit), if good { "" } else { " (missed)" }), good)
        }
    }
}

/// A number with its unit; large ones grouped by thousands, small ones with their fraction.
fn show(value: Value, unit: &str) -> String {
    if value < 100.0 && value.fract() != 0.0 {
        return format!("{value:.2} {unit}");
    }
    let digits = format!("{value:.0}");
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index) % 3 == 0 {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    format!("{grouped} {unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        assert_eq!(show(1_234_567.0, "bytes"), "1,234,567 bytes");
        assert_eq!(show(0.153, "s"), "0.15 s");
        assert_eq!(show(150.0, "instructions"), "150 instructions");
    }

    #[test]
    fn goals_are_judged() {
        let figure = Figure { name: "x", unit: "s", goal: Some(2.0), linux: "", measure: || Ok(0.0) };
        assert!(judge(&figure, Ok(2.0)).1);
        assert_eq!(judge(&figure, Ok(3.0)), ("3 s (missed)".to_owned(), false));
        assert!(!judge(&figure, Err(anyhow::anyhow!("no"))).1);
    }
}
