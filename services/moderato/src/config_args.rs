//! Where the configuration comes from, for every command.

use std::path::PathBuf;

use anyhow::Context as _;
use moderato_runtime::config::{Config, Sources};

/// Flags that every command knows.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct ConfigArgs {
    /// Configuration file; deploy/moderato.toml explains every key
    #[arg(long, env = "MODERATO_CONFIG", value_name = "FILE", help_heading = "Configuration")]
    pub config: Option<PathBuf>,
    /// Folder of everything this host keeps [default: data]
    #[arg(long, value_name = "DIR", help_heading = "Configuration")]
    pub data_dir: Option<PathBuf>,
}

impl ConfigArgs {
    /// The configuration without further flags.
    pub(crate) fn load(&self) -> anyhow::Result<Config> {
        self.load_with(Vec::new())
    }

    /// The configuration with flags over it, such as `("roles", "worker")`.
    pub(crate) fn load_with(&self, mut flags: Vec<(&'static str, String)>) -> anyhow::Result<Config> {
        let file = match self.config.as_ref().filter(|file| !file.as_os_str().is_empty()) {
            Some(file) => {
                let text = std::fs::read_to_string(file)
                    .with_context(|| format!("cannot read the configuration {}", file.display()))?;
                Some((file.display().to_string(), text))
            }
            None => None,
        };
        if let Some(data_dir) = &self.data_dir {
            let text = data_dir.to_str().context("--data-dir is not UTF-8")?;
            flags.push(("data_dir", text.to_owned()));
        }
        Ok(Sources { file, flags, ..Sources::default() }.with_process_environment().load()?)
    }
}
