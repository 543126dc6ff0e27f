//! Accents and the letters that they go on: those of Latin-1, as in Linux's default keymap.

/// Accent, letters, and the letters with that accent.
const TABLE: [(char, &str, &str); 3] =
    [('`', "AaEeIiOoUu", "ÀàÈèÌìÒòÙù"), ('\'', "AaEeIiOoUuYy", "ÁáÉéÍíÓóÚúÝý"), ('^', "AaEeIiOoUu", "ÂâÊêÎîÔôÛû")];

/// The letter with the accent; `None` when there is no such letter.
pub(super) fn compose(accent: char, letter: char) -> Option<char> {
    let (_, letters, composed) = TABLE.iter().find(|(entry, ..)| *entry == accent)?;
    letters.chars().zip(composed.chars()).find(|(plain, _)| *plain == letter).map(|(_, composed)| composed)
}
