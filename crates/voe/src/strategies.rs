//! `voe strategies`: the bundled strategies, and one with its keys resolved.

use crate::cli::{self, StrategiesAction};
use crate::exit;

pub(crate) fn run(args: &cli::Strategies) -> anyhow::Result<u8> {
    let here = std::env::current_dir()?;
    match &args.action {
        Some(StrategiesAction::Show { name }) => {
            out!("{}", voe_agent::load::show(&voe_agent::load(name, &here)?));
        }
        None => {
            for (name, _) in voe_agent::load::SHIPPED {
                outln!("{name:<24} {}", voe_agent::load(name, &here)?.about);
            }
        }
    }
    Ok(exit::OK)
}
