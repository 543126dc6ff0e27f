//! The exit statuses of the `pollux` command that are not the program's own, each with its one meaning.

/// The kernel ran but could not start the program system, or ended by itself with a failure.
pub const GUEST_FAILED: u8 = 120;
/// The kernel panicked.
pub const PANIC: u8 = 121;
/// The guest was reset or vanished without reporting a status: a triple fault does this.
pub const GUEST_DIED: u8 = 122;
/// `--timeout` ran out.
pub const TIMEOUT: u8 = 124;
/// Pollux itself could not run: wrong usage, missing tools, a build that failed.
pub const CANNOT_RUN: u8 = 125;

/// The status that a shell gives to a process killed by `signal`.
pub fn killed_by(signal: i32) -> u8 {
    u8::try_from(signal.clamp(0, 127)).unwrap_or(0) + 128
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signals_count_from_128() {
        assert_eq!(killed_by(9), 137);
        assert_eq!(killed_by(1000), 255);
    }
}
