//! The battery-backed clock (MC146818), read once.

use super::port::Port;

const SECONDS: u8 = 0;
const MINUTES: u8 = 2;
const HOURS: u8 = 4;
const DAY: u8 = 7;
const MONTH: u8 = 8;
const YEAR: u8 = 9;
const STATUS_A: u8 = 10;
const STATUS_B: u8 = 11;
const CENTURY: u8 = 0x32;

const UPDATING: u8 = 1 << 7;
const BINARY: u8 = 1 << 2;
const HOURS_24: u8 = 1 << 1;
const AFTERNOON: u8 = 1 << 7;

fn register(number: u8) -> u8 {
    // SAFETY: the clock's index and data ports; nobody else uses it. Bit 7 of the index masks NMIs, which it should not.
    unsafe {
        Port::<u8>::new(0x70).write(number);
        Port::<u8>::new(0x71).read()
    }
}

fn snapshot() -> [u8; 7] {
    [SECONDS, MINUTES, HOURS, DAY, MONTH, YEAR, CENTURY].map(register)
}

/// Seconds since 1970, UTC. None without a working clock.
pub fn seconds() -> Option<u64> {
    // Two equal readings outside an update are a consistent one; a missing clock reads all ones for ever.
    let mut last = snapshot();
    let values = (0..1000).find_map(|_| {
        let next = snapshot();
        let stable = register(STATUS_A) & UPDATING == 0 && next == last;
        last = next;
        stable.then_some(next)
    })?;
    decode(values, register(STATUS_B))
}

fn decode(values: [u8; 7], status: u8) -> Option<u64> {
    let number = |value: u8| u64::from(if status & BINARY != 0 { value } else { (value >> 4) * 10 + (value & 15) });
    let [seconds, minutes, hours, day, month, year, century] = values;
    let mut hour = number(hours & !AFTERNOON);
    if status & HOURS_24 == 0 {
        hour = hour % 12 + if hours & AFTERNOON != 0 { 12 } else { 0 };
    }
    let century = match number(century) {
        century @ 19..=21 => century,
        _ => 20,
    };
    let (year, month, day) = (century * 100 + number(year), number(month), number(day));
    let (minute, second) = (number(minutes), number(seconds));
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) || hour > 23 || minute > 59 || second > 60 || year < 1970 {
        return None;
    }
    // Days since 1970 by counting from March, so that the leap day is a year's last.
    let (y, m) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = y * 365 + y / 4 - y / 100 + y / 400 + (m * 153 + 2) / 5 + day - 1;
    const MARCH_0_TO_1970: u64 = 719_468;
    Some((days.checked_sub(MARCH_0_TO_1970)?) * 86_400 + hour * 3600 + minute * 60 + second)
}
