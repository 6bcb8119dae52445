//! What runs inside the isolation: the tools, and what they changed.
