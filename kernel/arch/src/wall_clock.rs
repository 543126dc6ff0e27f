//! What the registers of a battery-backed clock (MC146818 and its heirs) say: a time, in one of several encodings, that may be changing.

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

/// How often it is read until it is taken for broken: much longer than an update takes.
const TRIES: u32 = 1000;

/// Seconds since 1970, UTC, by a function that reads a register. None without a working clock.
pub fn read(mut register: impl FnMut(u8) -> u8) -> Option<u64> {
    // Two equal readings, the second with no update under way before and behind it, are a consistent one; a missing clock reads all
    // ones for ever.
    let mut last = None;
    let values = (0..TRIES).find_map(|_| {
        let quiet = register(STATUS_A) & UPDATING == 0;
        let next = [SECONDS, MINUTES, HOURS, DAY, MONTH, YEAR, CENTURY].map(&mut register);
        let stable = quiet && register(STATUS_A) & UPDATING == 0 && last == Some(next);
        last = Some(next);
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

#[cfg(test)]
mod tests {
    use super::*;

    const BINARY_24: u8 = BINARY | HOURS_24;
    /// 2026-11-24 18:36:07, by `date -u -d ... +%s`.
    const THEN: u64 = 1_795_545_367;

    #[test]
    fn encodings_mean_the_same() {
        assert_eq!(decode([7, 36, 18, 24, 11, 26, 20], BINARY_24), Some(THEN));
        assert_eq!(decode([0x07, 0x36, 0x18, 0x24, 0x11, 0x26, 0x20], HOURS_24), Some(THEN));
        assert_eq!(decode([7, 36, 6 | AFTERNOON, 24, 11, 26, 20], BINARY), Some(THEN));
        assert_eq!(decode([0x07, 0x36, 0x06 | AFTERNOON, 0x24, 0x11, 0x26, 0x20], 0), Some(THEN));
    }

    #[test]
    fn twelve_is_the_first_hour_of_each_half() {
        let hour = |hours| decode([0, 0, hours, 1, 1, 70, 19], BINARY).map(|seconds| seconds / 3600);
        assert_eq!([12, 1, 11].map(hour), [Some(0), Some(1), Some(11)]);
        assert_eq!([12 | AFTERNOON, 1 | AFTERNOON, 11 | AFTERNOON].map(hour), [Some(12), Some(13), Some(23)]);
        assert_eq!(decode([0, 0, 0x12, 1, 1, 0x70, 0x19], 0), Some(0));
        assert_eq!(decode([0, 0, 0x12 | AFTERNOON, 1, 1, 0x70, 0x19], 0), Some(12 * 3600));
    }

    #[test]
    fn centuries() {
        let start_of = |year, century| decode([0, 0, 0, 1, 1, year, century], BINARY_24);
        assert_eq!(start_of(70, 19), Some(0));
        assert_eq!(start_of(99, 19), Some(915_148_800));
        assert_eq!(start_of(0, 20), Some(946_684_800));
        assert_eq!(start_of(0, 21), Some(4_102_444_800));
        // Clocks without that register have anything there.
        assert_eq!(start_of(26, 0), start_of(26, 20));
        assert_eq!(start_of(26, 0xff), start_of(26, 20));
        assert_eq!(start_of(69, 19), None, "before 1970");
    }

    #[test]
    fn leap_days() {
        let day = |year, month, day| decode([0, 0, 0, day, month, year, 20], BINARY_24).map(|seconds| seconds / 86_400);
        assert_eq!(day(24, 2, 29).zip(day(24, 3, 1)), Some((19_782, 19_783)));
        assert_eq!(day(25, 2, 28).zip(day(25, 3, 1)), Some((20_147, 20_148)));
        assert_eq!(day(0, 2, 29).zip(day(0, 12, 31)), Some((11_016, 11_322)));
        let hundred = |month, day| decode([0, 0, 0, day, month, 0, 21], BINARY_24).map(|seconds| seconds / 86_400);
        assert_eq!(hundred(2, 28).zip(hundred(3, 1)), Some((47_540, 47_541)), "2100 is none");
    }

    #[test]
    fn nonsense_is_no_time() {
        for values in
            [[0xff; 7], [0; 7], [0, 60, 0, 1, 1, 26, 20], [0, 0, 24, 1, 1, 26, 20], [0, 0, 0, 32, 1, 26, 20], [0, 0, 0, 1, 13, 26, 20]]
        {
            assert_eq!(decode(values, BINARY_24), None, "{values:?}");
        }
        assert_eq!(read(|_| 0xff), None, "no clock");
    }

    /// A clock that is about to change: the registers fall one by one, with the update announced by its flag.
    #[test]
    fn an_update_is_waited_for() {
        let before = [59, 59, 23, 31, 12, 25, 20];
        let after = [0, 0, 0, 1, 1, 26, 20];
        for start in 0..40 {
            let mut reads = 0;
            let time = read(|number| {
                reads += 1;
                let changed = |at: usize| reads > start + at + 1;
                let at = [SECONDS, MINUTES, HOURS, DAY, MONTH, YEAR, CENTURY].iter().position(|&register| register == number);
                match (number, at) {
                    (STATUS_A, _) => 0x26 | if (start..start + 9).contains(&reads) { UPDATING } else { 0 },
                    (_, Some(at)) => (if changed(at) { after } else { before })[at],
                    _ => BINARY_24,
                }
            });
            assert!([Some(1_767_225_599), Some(1_767_225_600)].contains(&time), "update at read {start}: {time:?}");
        }
        assert_eq!(read(|number| if number == STATUS_A { UPDATING } else { 1 }), None, "one that never ends");
    }
}
