//! Paths in patches.

/// The files that a unified diff in git's form touches, in order, each once.
pub(crate) fn of_patch(patch: &str) -> Vec<String> {
    let mut files: Vec<String> = Vec::new();
    let mut add = |path: &str| {
        if !path.is_empty() && path != "/dev/null" && !files.iter().any(|f| f == path) {
            files.push(path.to_owned());
        }
    };
    for line in patch.lines() {
        if let Some(rest) = line.strip_prefix("diff --git ") {
            // Without a rename both names are the same, so that the line splits in its middle, spaces or not.
            let (old, new) = (rest.get(..rest.len() / 2), rest.get(rest.len() / 2 + 1..));
            let names = (old.and_then(|o| o.strip_prefix("a/")), new.and_then(|n| n.strip_prefix("b/")));
            if let (Some(old), Some(new)) = names
                && old == new
            {
                add(old);
            }
        } else if let Some(path) = line.strip_prefix("rename from ").or_else(|| line.strip_prefix("rename to ")) {
            add(path);
        } else if let Some(path) = line.strip_prefix("+++ b/") {
            add(path.trim_end_matches('\t'));
        }
    }
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_a_patch_are_found_with_spaces_and_renames() {
        let patch = "diff --git a/a b.py b/a b.py\n--- a/a b.py\n+++ b/a b.py\n@@ -1 +1 @@\n-x\n+y\n\
                     diff --git a/old.py b/new.py\nsimilarity index 90%\nrename from old.py\nrename to new.py\n\
                     diff --git a/gone.py b/gone.py\ndeleted file mode 100644\n--- a/gone.py\n+++ /dev/null\n";
        assert_eq!(of_patch(patch), ["a b.py", "old.py", "new.py", "gone.py"]);
        assert!(of_patch("").is_empty());
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_survived(text in "\\PC*|(diff --git [ab/é ]{0,9}\n)*") {
            let _ = of_patch(&text);
        }
    }
}
