//! Replies for scripts.

use serde_json::{Value, json};

/// A check that fails before [`cure`] and passes after it.
pub const CHECK: &str = "python3 -c 'from stats import mean; assert mean([]) == 0'";

/// A reply that calls one tool.
pub fn call(tool: &str, arguments: Value) -> Value {
    json!({"tool_calls": [{"name": tool, "arguments": arguments}]})
}

/// A reply that runs a command.
pub fn bash(command: &str) -> Value {
    call("bash", json!({"command": command}))
}

/// The reply that ends an attempt.
pub fn done() -> Value {
    json!({"content": "TASK_COMPLETE"})
}

/// The edit that fixes [`crate::Lab::python`].
pub fn cure() -> Value {
    call(
        "file_edit",
        json!({
            "path": "stats.py",
            "old_string": "    return sum(xs) / len(xs)\n",
            "new_string": "    return sum(xs) / len(xs) if xs else 0\n",
        }),
    )
}
