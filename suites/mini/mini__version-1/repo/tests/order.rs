use relver::Version;

/// Each version comes before the next, and not after it.
fn ascending(versions: &[&str]) {
    for pair in versions.windows(2) {
        let [a, b] = [pair[0], pair[1]].map(|text| text.parse::<Version>().unwrap());
        assert!(a < b, "{a} before {b}");
        assert!(b > a, "{b} after {a}");
    }
}

#[test]
fn releases_by_number() {
    ascending(&["0.9.0", "0.10.0", "1.0.0", "1.0.10"]);
}

#[test]
fn pre_release_before_its_release() {
    ascending(&["1.0.0-rc", "1.0.0", "1.0.1-alpha"]);
}

#[test]
fn words_in_ascii_order() {
    ascending(&["1.0.0-RC", "1.0.0-alpha", "1.0.0-beta", "1.0.0-rc"]);
}

#[test]
fn fewer_parts_first() {
    ascending(&["1.0.0-beta", "1.0.0-beta.1", "1.0.0-beta.1.x"]);
}

#[test]
fn number_before_word() {
    ascending(&["1.0.0-beta.1", "1.0.0-beta.x"]);
}

#[test]
fn longer_word_is_not_later() {
    ascending(&["1.0.0-alphabet", "1.0.0-beta"]);
}
