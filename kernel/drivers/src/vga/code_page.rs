//! Code page 437, the characters that a VGA adapter has in its memory when it comes to life.

/// What is shown for a character that the adapter doesn't have: ■.
const MISSING: u8 = 0xfe;

/// The pictures at the places of control characters, 0x01 to 0x1f.
const LOW: &str = "☺☻♥♦♣♠•◘○◙♂♀♪♫☼►◄↕‼¶§▬↨↑↓→←∟↔▲▼";
/// The characters from 0x7f on.
const HIGH: &str = "⌂ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒáíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u{a0}";

/// The code of a character, or that of ■.
pub(super) fn encode(character: char) -> u8 {
    if matches!(character, ' '..='~') {
        return character as u8;
    }
    let find = |first: u8, list: &str| (first..=u8::MAX).zip(list.chars()).find(|(_, listed)| *listed == character);
    find(0x7f, HIGH).or_else(|| find(0x01, LOW)).map_or(MISSING, |(code, _)| code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_have_their_codes() {
        let known = [('A', 0x41), ('~', 0x7e), ('⌂', 0x7f), ('Ç', 0x80), ('ö', 0x94), ('│', 0xb3), ('─', 0xc4), ('█', 0xdb), ('ß', 0xe1)];
        let rest = [('∙', 0xf9), ('■', 0xfe), ('\u{a0}', 0xff), ('☺', 0x01), ('♪', 0x0d), ('▼', 0x1f)];
        known.into_iter().chain(rest).for_each(|(character, code)| assert_eq!(encode(character), code, "{character}"));
        assert_eq!((LOW.chars().count(), HIGH.chars().count()), (0x1f, 0x81));
    }

    #[test]
    fn what_is_missing_is_a_square() {
        ['\u{7f}', '\n', '\0', '€', '漢', '\u{fffd}', '\u{10ffff}'].into_iter().for_each(|character| assert_eq!(encode(character), 0xfe));
    }
}
