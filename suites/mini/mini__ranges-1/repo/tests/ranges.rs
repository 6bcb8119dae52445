use pageranges::PageSet;

fn tidy(text: &str) -> String {
    text.parse::<PageSet>().unwrap().to_string()
}

#[test]
fn pages_in_order() {
    assert_eq!(tidy("9, 3, 5"), "3,5,9");
}

#[test]
fn overlapping_ranges_become_one() {
    assert_eq!(tidy("1-5,3-8"), "1-8");
}

#[test]
fn touching_ranges_become_one() {
    assert_eq!(tidy("4-6,1-3"), "1-6");
}

#[test]
fn ranges_apart_stay_apart() {
    assert_eq!(tidy("1-3,5-6"), "1-3,5-6");
}

#[test]
fn count_of_pages() {
    assert_eq!("1-3,3-5,9".parse::<PageSet>().unwrap().count(), 6);
}

#[test]
fn bad_part_is_named() {
    let error = "1-3, 5-x".parse::<PageSet>().unwrap_err();
    assert_eq!(error.to_string(), "not a page or range of pages: 5-x");
}

#[test]
fn range_that_runs_backwards_is_refused() {
    assert!("5-3".parse::<PageSet>().is_err());
}
