use relver::Version;

#[test]
fn shown_as_it_was_read() {
    for text in ["1.2.3", "0.0.1-rc", "2.0.0-beta.3.x-y"] {
        assert_eq!(text.parse::<Version>().unwrap().to_string(), text);
    }
}

#[test]
fn what_is_no_version_is_refused() {
    for text in ["", "1.2", "1.2.3.4", "1.2.x", "1.2.3-", "1.2.3-a..b", "1.2.3-a_b"] {
        assert!(text.parse::<Version>().is_err(), "{text}");
    }
}
