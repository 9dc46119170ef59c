//! `earwitness config explain --preset`: what each setting of a preset does, and who asks for it.
//!
//! In: an explanation (`config`). Out: text for a person.
//! Always: keys, values and requirements are those of the preset itself.
//! Not here: presets (`deploy/presets`).

use std::fmt::Write as _;

use crate::config::{Explanation, Setting};

/// A paragraph a setting.
pub(super) fn text(explanation: &Explanation) -> String {
    let Explanation { preset, about, settings } = explanation;
    let mut text = format!("preset: {preset}\n");
    wrapped(&mut text, "  ", about);
    for Setting { key, value, about, asked_for_by } in settings {
        let _ = write!(text, "\n{key} = {value}\n");
        wrapped(&mut text, "  ", about);
        let _ = writeln!(text, "  asked for by: {asked_for_by}");
    }
    text
}

fn wrapped(text: &mut String, indent: &str, words: &str) {
    let mut line = String::new();
    for word in words.split_whitespace() {
        if !line.is_empty()
            && indent.len() + line.chars().count() + 1 + word.chars().count() > LINE_CHARS
        {
            let _ = writeln!(text, "{indent}{line}");
            line.clear();
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    if !line.is_empty() {
        let _ = writeln!(text, "{indent}{line}");
    }
}

/// Longest line, in characters.
const LINE_CHARS: usize = 100;

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;
    use crate::audit::preset::Preset;
    use crate::config::explain_preset;

    #[test]
    fn a_preset_is_explained_by_its_own_file() {
        expect![[r#"
            preset: pci
              PCI DSS 4.0.1: who did what with systems that hold account data, and none of the account data
              itself. No key can do these: a copy on a central server (10.3.3) needs a `[[sink]]` there; that
              the last three months are at hand (10.5.1) holds as long as `journal.retain_bytes` is not set;
              reading what was recorded each day (10.4.1) is up to you.

            policy.default = "metadata"
              Each record says who asked for what, when, from where and with what outcome. Bodies, where account
              data is sent, are not recorded.
              asked for by: PCI DSS 10.2.1, 10.2.2, 3.3.1

            redaction.body_values = "listed"
              Where a rule asks for bodies all the same, only the fields of `body_allow` are kept, so that a
              verification code or a PIN under a name that nobody knows is not stored.
              asked for by: PCI DSS 3.3.1

            redaction.actions.payment_card = "partial"
              The first six and last four digits of a card number, which is the most that may be shown; the rest
              is never stored. Not `token`: both forms of one number beside each other would need controls of
              their own.
              asked for by: PCI DSS 3.4.1, 3.5.1

            redaction.actions.secret = "drop"
              Verification codes, PINs and passwords leave nothing behind.
              asked for by: PCI DSS 3.3.1, 8.3.2

            redaction.actions.credential = "drop"
              Headers and values that carry credentials are left out.
              asked for by: PCI DSS 8.3.2

            redaction.actions.api_key = "token"
              Keys of programs are a keyed digest, by which the events of one key can be found.
              asked for by: PCI DSS 8.3.2, 10.2.2

            redaction.actions.default = "mask"
              Everything else that looks sensitive is `***`.
              asked for by: PCI DSS 3.3.1

            identity.pseudonymise = false
              Users stand in records by their names, so that each action leads to one person.
              asked for by: PCI DSS 10.2.1, 10.2.2

            journal.retain_days = 366
              Twelve months, in a leap year too.
              asked for by: PCI DSS 10.5.1
        "#]].assert_eq(&text(&explain_preset(Preset::Pci)));
    }
}
