//! One attempt: the loop, the conversation, strategies, evidence, compaction, stuck detection.
