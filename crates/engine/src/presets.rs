//! The rule sets that come with the engine.

/// A rule set to start from. All cite [`STARTER_GUIDELINES`](crate::STARTER_GUIDELINES).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Preset {
    /// What it is called.
    pub name: &'static str,
    /// For whom it is, in one line.
    pub about: &'static str,
    /// The document, TOML.
    pub rules: &'static str,
}

macro_rules! preset {
    ($name:literal, $about:literal) => {
        Preset {
            name: $name,
            about: $about,
            rules: include_str!(concat!("../../../deploy/rules/", $name, ".toml")),
        }
    };
}

/// Every preset; the first is what a new site starts with.
pub const PRESETS: [Preset; 6] = [
    preset!(
        "friendly-blog",
        "blogs with readers of all ages: civility, safety, advertising, personal details"
    ),
    preset!(
        "strict",
        "schools, children, people in distress: everything waits but plain words of known authors"
    ),
    preset!("wordpress", "what WordPress does by default"),
    preset!("coral", "what Coral does by default"),
    preset!("discourse", "what Discourse does by default"),
    preset!("komento", "what Komento does by default"),
];
