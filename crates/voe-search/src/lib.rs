//! Several attempts as one, chosen by evidence.
