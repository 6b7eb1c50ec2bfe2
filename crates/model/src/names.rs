//! Near misses: "did you mean".

/// The candidate most like `word`, if one is near enough to be a typing error.
///
/// Case does not count. Ties go to the first candidate, so the answer does not depend on chance.
pub fn did_you_mean<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_ascii_lowercase();
    let allowed = 1 + word.len() / 4;
    let mut best: Option<(usize, &str)> = None;
    for candidate in candidates {
        let distance = strsim::damerau_levenshtein(&word, &candidate.to_ascii_lowercase());
        if distance <= allowed && best.is_none_or(|(least, _)| distance < least) {
            best = Some((distance, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::did_you_mean;

    #[test]
    fn finds_typing_errors_only() {
        let names = ["addressPrefix", "addressPrefixes", "routeTable"];
        assert_eq!(did_you_mean("adressPrefix", names), Some("addressPrefix"));
        assert_eq!(did_you_mean("routetable", names), Some("routeTable"));
        assert_eq!(did_you_mean("networkSecurityGroup", names), None);
    }
}
