//! What people call things: one line, which stands in subjects, headings and tables.

/// What is wrong with `text` as a name of at most `longest` characters, if anything is.
pub(super) fn fault(text: &str, longest: usize) -> Option<String> {
    if text.chars().any(char::is_control) {
        return Some("must be on one line, without control characters".to_owned());
    }
    let is_fit = (1..=longest).contains(&text.trim().chars().count());
    (!is_fit).then(|| format!("must have 1 to {longest} characters"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_line_of_some_length() {
        assert_eq!(fault("Ana Nême", 8), None);
        assert_eq!(fault("Ana Nêmes", 8).unwrap(), "must have 1 to 8 characters");
        assert_eq!(fault("  ", 8).unwrap(), "must have 1 to 8 characters");
        assert!(fault("Ana\nBcc: x", 80).unwrap().contains("one line"));
    }
}
