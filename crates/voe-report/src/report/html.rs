//! All of it in one page.
