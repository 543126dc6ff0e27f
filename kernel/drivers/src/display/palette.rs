//! The 256 colours of xterm and, of its kin, of the Linux console.

/// The sixteen basic colours as VGA adapters show them, in ANSI's order.
const BASIC: [[u8; 3]; 16] = [
    [0x00, 0x00, 0x00],
    [0xaa, 0x00, 0x00],
    [0x00, 0xaa, 0x00],
    [0xaa, 0x55, 0x00],
    [0x00, 0x00, 0xaa],
    [0xaa, 0x00, 0xaa],
    [0x00, 0xaa, 0xaa],
    [0xaa, 0xaa, 0xaa],
    [0x55, 0x55, 0x55],
    [0xff, 0x55, 0x55],
    [0x55, 0xff, 0x55],
    [0xff, 0xff, 0x55],
    [0x55, 0x55, 0xff],
    [0xff, 0x55, 0xff],
    [0x55, 0xff, 0xff],
    [0xff, 0xff, 0xff],
];

/// The six brightnesses of the cube.
const STEPS: [u8; 6] = [0, 95, 135, 175, 215, 255];

/// Red, green and blue of a colour.
pub fn rgb(colour: u8) -> [u8; 3] {
    match colour {
        0..16 => BASIC.get(usize::from(colour)).copied().unwrap_or_default(),
        16..232 => {
            let number = usize::from(colour - 16);
            [number / 36, number / 6 % 6, number % 6].map(|step| STEPS.get(step).copied().unwrap_or_default())
        }
        232.. => [8 + 10 * (colour - 232); 3],
    }
}

/// The basic colour that looks most like this one.
pub fn nearest_basic(colour: u8) -> u8 {
    if colour < 16 {
        return colour;
    }
    let wanted = rgb(colour);
    let distance =
        |candidate: &[u8; 3]| -> u32 { candidate.iter().zip(wanted).map(|(&one, other)| u32::from(one.abs_diff(other)).pow(2)).sum() };
    (0u8..).zip(&BASIC).min_by_key(|(_, candidate)| distance(candidate)).map_or(7, |(number, _)| number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cube_and_greys_are_xterms() {
        assert_eq!((rgb(16), rgb(231)), ([0, 0, 0], [255, 255, 255]));
        assert_eq!((rgb(196), rgb(46), rgb(21)), ([255, 0, 0], [0, 255, 0], [0, 0, 255]));
        assert_eq!(rgb(110), [135, 175, 215]);
        assert_eq!((rgb(232), rgb(255)), ([8, 8, 8], [238, 238, 238]));
    }

    #[test]
    fn each_colour_has_a_basic_one() {
        (0..16).for_each(|colour| assert_eq!(nearest_basic(colour), colour));
        assert_eq!((nearest_basic(16), nearest_basic(231), nearest_basic(124), nearest_basic(244)), (0, 15, 1, 7));
        assert_eq!((nearest_basic(21), nearest_basic(28)), (4, 2));
    }
}
