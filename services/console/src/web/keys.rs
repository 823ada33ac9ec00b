//! The keyboard: every command, its usual keys, and what a person made of them.

use std::collections::BTreeMap;

use moderato_domain::Preferences;

/// Something that a key does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Command {
    /// Names it, in preferences and to the script; never renamed.
    pub(crate) id: &'static str,
    /// What it does.
    pub(crate) label: &'static str,
    /// Its usual keys, the one that is shown first, separated by spaces. As `KeyboardEvent.key` names
    /// them, `Space` for a space, `Shift+` before letters that are held with it.
    keys: &'static str,
}

const fn command(id: &'static str, label: &'static str, keys: &'static str) -> Command {
    Command { id, label, keys }
}

/// Every command, in the order of the help page.
pub(crate) const COMMANDS: [Command; 34] = [
    command("next", "Next", "j ArrowDown"),
    command("previous", "Previous", "k ArrowUp"),
    command("open", "Open", "Enter"),
    command("approve", "Approve", "a f"),
    command("reject", "Reject: then a digit for the reason", "r d"),
    command("spam", "Spam", "s"),
    command("escalate", "Escalate", "e"),
    command("send-back", "Send back to the queue", "u"),
    command("undo", "Undo", "z"),
    command("ban", "Ban or suspend the author", "b"),
    command("note", "Write a note", "n"),
    command("context", "Conversation", "c"),
    command("why", "Why it waits", "h"),
    command("reveal", "Reveal a veiled text", "Space"),
    command("select", "Select", "x"),
    command("select-all", "Select all", "Shift+x"),
    command("bulk-approve", "Approve what is selected, or the campaign", "Shift+a"),
    command("bulk-reject", "Reject what is selected, or the campaign", "Shift+r Shift+d"),
    command("bulk-spam", "Spam: what is selected, or the campaign", "Shift+s"),
    command("bulk-send-back", "Send back what is selected", "Shift+u"),
    command("bulk-undo", "Undo the last bulk decision", "Shift+z"),
    command("next-queue", "Next queue", "]"),
    command("previous-queue", "Previous queue", "["),
    command("filter", "Filter", "/"),
    command("zen", "One at a time", "v"),
    command("history", "My last decisions", "Backspace ,"),
    command("help", "This help", "?"),
    command("close", "Close, and back to the list", "Escape"),
    command("go-escalated", "Go to escalated", "g+e"),
    command("go-appeals", "Go to appeals", "g+a"),
    command("go-reported", "Go to reported", "g+r"),
    command("go-flagged", "Go to flagged", "g+f"),
    command("go-pending", "Go to pending", "g+p"),
    command("go-spam", "Go to spam", "g+s"),
];

/// A command with the keys of a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Binding {
    /// Names the command.
    pub(crate) id: &'static str,
    /// What it does.
    pub(crate) label: &'static str,
    /// Its keys.
    pub(crate) keys: Vec<String>,
    /// As a text field holds them.
    pub(crate) typed: String,
    /// Its usual keys, as a text field would hold them.
    pub(crate) usual: &'static str,
}

/// A person's keyboard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Keyboard {
    /// Every command.
    pub(crate) bindings: Vec<Binding>,
    /// Single keys do nothing.
    pub(crate) off: bool,
}

impl Keyboard {
    /// The keyboard of somebody with these preferences.
    pub(crate) fn of(preferences: &Preferences) -> Self {
        let bindings = COMMANDS.iter().map(|command| {
            let typed = preferences.keys.get(command.id).map_or(command.keys, String::as_str);
            Binding {
                id: command.id,
                label: command.label,
                keys: typed.split_whitespace().map(str::to_owned).collect(),
                typed: typed.to_owned(),
                usual: command.keys,
            }
        });
        Self { bindings: bindings.collect(), off: preferences.keys_off }
    }

    /// For the script: JSON, from the command to its keys.
    pub(crate) fn json(&self) -> String {
        let map: BTreeMap<&str, &[String]> =
            self.bindings.iter().map(|binding| (binding.id, binding.keys.as_slice())).collect();
        // A map of texts cannot fail to be written.
        serde_json::to_string(&map).unwrap_or_default()
    }

    /// What of the typed keys differs from the usual ones, or why they cannot be used.
    pub(crate) fn changes(typed: &BTreeMap<String, String>) -> Result<BTreeMap<String, String>, String> {
        let mut taken: BTreeMap<&str, &'static str> = BTreeMap::new();
        let mut changes = BTreeMap::new();
        for command in &COMMANDS {
            let keys = typed.get(command.id).map_or(command.keys, |keys| keys.trim());
            for key in keys.split_whitespace() {
                let bare = key.strip_prefix("g+").or_else(|| key.strip_prefix("Shift+")).unwrap_or(key);
                let named =
                    bare.len() > 1 && bare.len() <= 12 && bare.chars().all(|ch| ch.is_ascii_alphanumeric());
                if !named && bare.chars().count() != 1 {
                    return Err(format!("“{key}” for “{}” is not a key.", command.label));
                }
                if bare.chars().count() == 1 && bare.chars().all(|ch| ch.is_ascii_digit()) {
                    return Err(format!("Digits pick reasons, so “{key}” cannot be “{}”.", command.label));
                }
                if let Some(other) = taken.insert(key, command.label) {
                    return Err(format!("“{key}” is both “{other}” and “{}”.", command.label));
                }
            }
            if keys != command.keys {
                changes.insert(command.id.to_owned(), keys.to_owned());
            }
        }
        Ok(changes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(id: &str, keys: &str) -> BTreeMap<String, String> {
        BTreeMap::from([(id.to_owned(), keys.to_owned())])
    }

    #[test]
    fn no_usual_key_does_two_things() {
        assert_eq!(Keyboard::changes(&BTreeMap::new()), Ok(BTreeMap::new()));
    }

    #[test]
    fn what_a_person_changes_is_kept_and_the_rest_follows_releases() {
        assert_eq!(Keyboard::changes(&typed("approve", "y")), Ok(typed("approve", "y")));
        assert_eq!(Keyboard::changes(&typed("approve", " a f ")), Ok(BTreeMap::new()));
        assert_eq!(Keyboard::changes(&typed("approve", "")), Ok(typed("approve", "")), "switched off");
        assert_eq!(Keyboard::changes(&typed("colour", "q")), Ok(BTreeMap::new()));
        let preferences = Preferences { keys: typed("approve", "y"), ..Preferences::default() };
        assert!(Keyboard::of(&preferences).json().contains(r#""approve":["y"]"#));
    }

    #[test]
    fn keys_that_collide_or_are_none_are_refused_in_words() {
        assert!(Keyboard::changes(&typed("approve", "s")).unwrap_err().contains("both"));
        assert!(Keyboard::changes(&typed("approve", "aa!")).unwrap_err().contains("not a key"));
        assert!(Keyboard::changes(&typed("approve", "1")).unwrap_err().contains("Digits"));
    }
}
