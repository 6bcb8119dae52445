//! A proof as SARIF 2.1.0: <https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html>.

use serde_json::{Value, json};
use voe_evidence::check::regressed;
use voe_proof::{Proof, ProofVerdict, is_code};

use super::words;

const NOT_PROVEN: &str = "not-proven";
const REGRESSION: &str = "regression";

/// The log: a result for each regression, and one where the change is not proven. They point to the changed code.
pub(super) fn of(proof: &Proof) -> Value {
    let locations: Vec<Value> = proof
        .files
        .iter()
        .filter(|file| is_code(file))
        .map(|file| json!({"physicalLocation": {"artifactLocation": {"uri": uri(&file.path)}, "region": {"startLine": 1}}}))
        .collect();
    let result = |rule: &str, level: &str, text: String| json!({"ruleId": rule, "level": level, "message": {"text": text}, "locations": locations.first(), "relatedLocations": locations});
    let mut results: Vec<Value> = proof
        .all_checks()
        .filter(|check| regressed(check))
        .map(|check| result(REGRESSION, "error", format!("{}: {}", words::command(check), words::showed(check))))
        .collect();
    if proof.verdict == ProofVerdict::NotProven {
        results.push(result(NOT_PROVEN, "warning", words::verdict(proof)));
    }
    for result in &mut results {
        let first = result["locations"].take();
        result["locations"] = if first.is_null() { json!([]) } else { json!([first]) };
    }
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": "voe",
                "version": env!("CARGO_PKG_VERSION"),
                "rules": [
                    {"id": REGRESSION, "shortDescription": {"text": "A check passes without the change and fails with it"}},
                    {"id": NOT_PROVEN, "shortDescription": {"text": "No check fails without the change and passes with it"}},
                ],
            }},
            "results": results,
        }],
    })
}

/// A path as a relative reference.
fn uri(path: &str) -> String {
    let mut out = String::new();
    for byte in path.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => out.push(char::from(byte)),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}
