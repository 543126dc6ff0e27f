//! How a chapter speaks: [`say!`] prints a line, [`claim!`] checks what it prints.

use core::fmt::Arguments;

/// Prints a line of a chapter: on the first serial port, or on the host's standard output.
pub fn line(text: Arguments<'_>) {
    #[cfg(target_os = "none")]
    crate::machine::serial::line(text);
    #[cfg(not(target_os = "none"))]
    println!("{text}");
}

/// Says a line.
#[macro_export]
macro_rules! say {
    ($($text:tt)+) => { $crate::line(format_args!($($text)+)) };
}

/// Says a line that is true: panics with it if the condition doesn't hold.
#[macro_export]
macro_rules! claim {
    ($condition:expr, $($text:tt)+) => {{
        assert!($condition, $($text)+);
        $crate::line(format_args!("  ok: {}", format_args!($($text)+)));
    }};
}

#[cfg(test)]
mod tests {
    #[test]
    fn what_is_true_is_said() {
        claim!(1 + 1 == 2, "one and one is {}", 1 + 1);
    }

    #[test]
    #[should_panic = "one and one is 3"]
    fn what_is_false_is_a_panic() {
        claim!(1 + 1 == core::hint::black_box(3), "one and one is {}", 3);
    }
}
