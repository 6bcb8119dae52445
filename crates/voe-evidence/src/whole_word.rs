//! A name as a word of a text.

/// Where `word` is in `text` with no letter, digit or underscore next to it.
pub(crate) fn word_places<'a>(text: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    let part = |c: char| c.is_alphanumeric() || c == '_';
    let places = (!word.is_empty()).then(|| text.match_indices(word)).into_iter().flatten();
    places
        .filter(move |(at, _)| !text[..*at].ends_with(part) && !text[at + word.len()..].starts_with(part))
        .map(|(at, _)| at)
}

/// Whether `word` is in `text` with no letter, digit or underscore next to it.
pub(crate) fn has_word(text: &str, word: &str) -> bool {
    word_places(text, word).next().is_some()
}
