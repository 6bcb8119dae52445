//! Checks a whole strategy, once it is loaded.

use super::Strategy;

/// Checks that a strategy can work.
///
/// # Errors
/// The first thing that is wrong, in one line: a template that does not parse, keys that contradict each other, or a missing key
/// without which the model could not work.
pub fn validate(strategy: &Strategy) -> Result<(), String> {
    crate::prompt::parse(strategy)?;
    if !strategy.prompt.task.contains("statement") {
        return Err("prompt.task does not mention `statement`: the model would not learn what to do".into());
    }
    if strategy.done.marker.trim().is_empty() && !strategy.done.finish_tool {
        return Err("done.marker is empty and done.finish_tool is off: the model could never end".into());
    }
    if !(0.0..1.0).contains(&strategy.compaction.at) {
        return Err(format!("compaction.at is a share of the window from 0 to 1, not {}", strategy.compaction.at));
    }
    if strategy.nudge.on != super::NudgeOn::Off && strategy.nudge.text.trim().is_empty() {
        return Err("nudge.on is set but nudge.text is empty".into());
    }
    crate::drive::verify::validate(strategy)?;
    crate::drive::pipeline::validate(strategy)?;
    crate::drive::search_host::validate(strategy)?;
    for tool in &strategy.tools.offer {
        if !crate::tools::known(tool) {
            return Err(format!("tools.offer: there is no tool {tool:?}"));
        }
    }
    Ok(())
}
