//! `moderato rules preset`: the rule sets that come along, to begin an own one with.

use anyhow::anyhow;
use moderato_engine::PRESETS;

use crate::terminal::table;

/// Which one.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  moderato rules preset strict > my-rules.toml")]
pub(crate) struct PresetArgs {
    /// Prints this one; without a name, lists them
    name: Option<String>,
}

/// Lists the presets, or prints one.
pub(crate) fn run(args: &PresetArgs) -> anyhow::Result<()> {
    let Some(name) = &args.name else {
        let rows: Vec<Vec<String>> =
            PRESETS.iter().map(|preset| vec![preset.name.to_owned(), preset.about.to_owned()]).collect();
        print!("{}", table(&["preset", "for"], &rows));
        return Ok(());
    };
    let preset = PRESETS.iter().find(|preset| preset.name == name).ok_or_else(|| {
        let names: Vec<&str> = PRESETS.iter().map(|preset| preset.name).collect();
        anyhow!("there is no preset {name:?}; there are {}", names.join(", "))
    })?;
    print!("{}", preset.rules);
    Ok(())
}
