//! Flags that several commands share.

use clap::Args;

use crate::settings::Settings;
use crate::settings::table::{API_KEY_ENV, BASE_URL, MODEL, PROVIDER};
use crate::settings::words::Provider;

/// Which model answers; shared by the commands that ask one.
#[derive(Debug, Args, Default, Clone)]
pub(crate) struct ModelFlags {
    #[arg(long = BASE_URL.flag, value_name = "URL", help = BASE_URL.about_with_default())]
    pub(crate) base_url: Option<String>,
    #[arg(long = MODEL.flag, value_name = "NAME", help = MODEL.about_with_default())]
    pub(crate) model: Option<String>,
    #[arg(long = API_KEY_ENV.flag, value_name = "VAR", help = API_KEY_ENV.about)]
    pub(crate) api_key_env: Option<String>,
    #[arg(long = PROVIDER.flag, value_enum, help = PROVIDER.about)]
    pub(crate) provider: Option<Provider>,
}

impl ModelFlags {
    /// Sets what they say over the other settings.
    pub(crate) fn set(&self, settings: &mut Settings) {
        settings.flag(&BASE_URL, self.base_url.clone());
        settings.flag(&MODEL, self.model.clone());
        settings.flag(&API_KEY_ENV, self.api_key_env.clone());
        settings.flag_word(&PROVIDER, self.provider);
    }
}

/// How output is printed.
#[derive(Debug, Args, Default, Clone)]
pub(crate) struct OutputFlags {
    /// Output events as JSON Lines
    #[arg(long)]
    pub(crate) json: bool,
    /// Print only the final summary
    #[arg(long, short)]
    pub(crate) quiet: bool,
    /// Disable colored output
    #[arg(long)]
    pub(crate) no_color: bool,
}
