//! What is done to a sensitive value: what stands in its place.
//!
//! In: what the value was taken for, the value as it was meant, `redaction.actions`. Out: text for its place,
//! and the action that was taken.
//! Always: no more of a value is shown than its first six and last four digits (payment cards), or its first
//! letter and the domain (e-mail); nothing of credentials, secrets and keys; a value that does not have the form
//! that a part of it could be shown of is masked. The same value gives the same token wherever it stood.
//! Not here: what is sensitive (`value`, `name`), counting (`notes`), keys (`crate::keys`).

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::super::record::value::Text;
use super::super::record::{Action, Sensitive};
use super::super::seal::Auditor;
use super::super::token::Tokens;
use super::MASK;

/// What is done to sensitive values, by the name of their type.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(transparent)]
pub struct ActionConfig(BTreeMap<String, Action>);

/// What is wrong with an entry of `actions`.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ActionError {
    /// No type has this name.
    #[error("`{0}` is no type of a value")]
    Unknown(String),
    /// Nothing of such values may be shown.
    #[error("nothing of a `{0}` is ever shown")]
    Partial(String),
}

/// What is done to sensitive values, and the keys for it.
#[derive(Clone, Debug)]
pub struct Actions {
    /// In the order of `Sensitive::ALL`.
    chosen: Vec<Action>,
    tokens: Option<Tokens>,
    auditor: Option<Auditor>,
}

/// How many more values may be replaced by what is long or takes time; beyond, they are masked.
#[derive(Clone, Copy, Debug)]
pub struct Left {
    tokens: u32,
    boxes: u32,
}

/// What stands in place of a value.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Replaced {
    /// Plain text; empty where the value is dropped.
    pub text: Cow<'static, str>,
    /// What was done.
    pub action: Action,
}

// === impl ActionConfig ===

impl Default for ActionConfig {
    fn default() -> Self {
        let entry = |(name, action): &(&str, Action)| ((*name).to_owned(), *action);
        Self(DEFAULT.iter().map(entry).collect())
    }
}

impl ActionConfig {
    /// Entries that cannot be kept, by their names.
    pub fn check(&self) -> impl Iterator<Item = (&str, ActionError)> {
        self.0.iter().filter_map(|(name, action)| {
            let kind = of_name(name);
            let error = match (kind, action) {
                (None, _) if name != ALL_OTHERS => ActionError::Unknown,
                (kind, Action::Partial) if !kind.is_some_and(has_parts) => ActionError::Partial,
                _ => return None,
            };
            Some((name.as_str(), error(name.clone())))
        })
    }

    /// Names of entries that an auditor's key is needed for.
    pub fn encrypted(&self) -> impl Iterator<Item = &str> {
        let entries = self.0.iter().filter(|(_, action)| **action == Action::Encrypt);
        entries.map(|(name, _)| name.as_str())
    }

    /// What is done to values of this type. A mistake is the same as `mask`.
    fn chosen(&self, kind: Sensitive) -> Action {
        let built_in = || DEFAULT.iter().find(|(name, _)| *name == kind.name());
        let own = self.0.get(kind.name()).copied().or_else(|| Some(built_in()?.1));
        match own.or_else(|| self.0.get(ALL_OTHERS).copied()) {
            Some(Action::Partial) if !has_parts(kind) => Action::Mask,
            Some(action) => action,
            None => Action::Mask,
        }
    }
}

impl ActionError {
    /// What to do about it.
    pub fn hint(&self) -> String {
        match self {
            Self::Unknown(_) => {
                let names: Vec<_> = Sensitive::ALL.iter().map(|kind| kind.name()).collect();
                format!("{}, {ALL_OTHERS}", names.join(", "))
            }
            Self::Partial(_) => "`drop`, `mask`, `token` or `encrypt`".to_owned(),
        }
    }
}

// === impl Actions ===

impl Actions {
    /// Masks everything.
    pub const MASK_ALL: &'static Self = &Self { chosen: Vec::new(), tokens: None, auditor: None };

    /// Those of a configuration.
    pub fn new(config: &ActionConfig, tokens: Tokens) -> Self {
        let chosen = Sensitive::ALL.iter().map(|kind| config.chosen(*kind)).collect();
        Self { chosen, tokens: Some(tokens), auditor: None }
    }

    /// The same, with an auditor to encrypt values to.
    #[must_use]
    pub fn encrypting_to(mut self, auditor: Option<Auditor>) -> Self {
        self.auditor = auditor;
        self
    }

    /// The auditor; part of the policy's digest.
    pub fn auditor(&self) -> Option<&Auditor> {
        self.auditor.as_ref()
    }

    /// What is done to values of this type that have the form for it.
    pub fn chosen(&self, kind: Sensitive) -> Action {
        self.chosen.get(kind as usize).copied().unwrap_or(Action::Mask)
    }

    /// All of it: part of the policy's digest.
    pub fn by_name(&self) -> impl Iterator<Item = (&'static str, Action)> {
        Sensitive::ALL.iter().map(|kind| (kind.name(), self.chosen(*kind)))
    }

    /// What stands in place of a value of this type. `value`: what was meant, with its codings taken away; `None`:
    /// nobody can tell, or it is not all of it.
    pub fn replace(&self, kind: Sensitive, value: Option<&[u8]>) -> Replaced {
        let text = match (self.chosen(kind), value, &self.tokens) {
            (Action::Drop, ..) => Some(String::new()),
            (Action::Partial, Some(value), _) => part(kind, value),
            (Action::Token, Some(value), Some(tokens)) => {
                Some(TokenKind::Value(kind).token(tokens, value))
            }
            (Action::Encrypt, Some(value), _) => return self.encrypt(value),
            _ => None,
        };
        match text {
            Some(text) => Replaced { text: Cow::Owned(text), action: self.chosen(kind) },
            None => Replaced::MASKED,
        }
    }

    /// The same, as long as there is any left of what it takes.
    pub fn replace_within(
        &self,
        left: &mut Left,
        kind: Sensitive,
        value: Option<&[u8]>,
    ) -> Replaced {
        let count = match self.chosen(kind) {
            Action::Token => &mut left.tokens,
            Action::Encrypt => &mut left.boxes,
            _ => return self.replace(kind, value),
        };
        let Some(less) = count.checked_sub(1) else { return Replaced::MASKED };
        *count = less;
        self.replace(kind, value)
    }

    /// What is too long to be encrypted is dropped.
    fn encrypt(&self, value: &[u8]) -> Replaced {
        let Some(auditor) = &self.auditor else { return Replaced::MASKED };
        match auditor.seal(value) {
            Some(text) => Replaced { text: Cow::Owned(text), action: Action::Encrypt },
            None => Replaced { text: Cow::Borrowed(""), action: Action::Drop },
        }
    }

    /// The key for tokens; `None`: there is none.
    pub fn tokens(&self) -> Option<&Tokens> {
        self.tokens.as_ref()
    }
}

impl Left {
    /// For the heads of one exchange. What has a token there is not much longer.
    pub const HEADS: Self = Self { tokens: u32::MAX, boxes: BOXES };
    /// For one body.
    pub const BODY: Self = Self { tokens: TOKENS, boxes: BOXES };
}

/// Most tokens in one body; a token is longer than many a value.
const TOKENS: u32 = 4_096;
/// Most values that are encrypted in one body or in the heads of one exchange: one costs some 100 µs, and whoever
/// sends requests chooses how many there are.
const BOXES: u32 = 32;

impl Replaced {
    /// Nothing of a value.
    const MASKED: Self = Self { text: Cow::Borrowed(MASK), action: Action::Mask };

    /// The text, for a place that is left out where nothing stands in it.
    pub fn into_text<'a>(self) -> Option<Text<'a>> {
        Some(self.text).filter(|_| self.action != Action::Drop)
    }

    /// The text's bytes.
    pub fn into_bytes(self) -> Cow<'static, [u8]> {
        match self.text {
            Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
            Cow::Owned(text) => Cow::Owned(text.into_bytes()),
        }
    }
}

/// What is done where the configuration does not say otherwise. A key is as random as its token, and joins what
/// was done with it.
const DEFAULT: &[(&str, Action)] =
    &[("api_key", Action::Token), (ALL_OTHERS, Action::Mask), ("payment_card", Action::Partial)];
/// Name of all types that are not named.
const ALL_OTHERS: &str = "default";

fn of_name(name: &str) -> Option<Sensitive> {
    Sensitive::ALL.iter().copied().find(|kind| kind.name() == name)
}

// === tokens ===

/// What tokens are made of.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum TokenKind {
    /// A value.
    Value(Sensitive),
    /// The content of a message as a whole, as it was sent.
    Body,
}

impl TokenKind {
    /// That of this name; `None`: there is none.
    pub fn named(name: &str) -> Option<Self> {
        of_name(name).map(Self::Value).or((name == BODY).then_some(Self::Body))
    }

    /// The token of a value as it was meant: with percent-encoding, escapes of JSON and white space around a
    /// header's value taken away.
    pub fn token(self, tokens: &Tokens, value: &[u8]) -> String {
        match self {
            Self::Value(kind) => tokens.token(kind.name(), &normal(kind, value)),
            Self::Body => tokens.token(BODY, value),
        }
    }
}

/// Name of the type that digests of content have.
const BODY: &str = "body";

/// A value as tokens are made of it: a payment card number is its digits, whatever stands between them.
fn normal(kind: Sensitive, value: &[u8]) -> Cow<'_, [u8]> {
    let part = |byte: &u8| byte.is_ascii_digit() || matches!(byte, b' ' | b'-' | b'.');
    if kind == Sensitive::PaymentCard && value.iter().all(part) {
        return value.iter().copied().filter(u8::is_ascii_digit).collect();
    }
    Cow::Borrowed(value)
}

// === parts ===

/// Whether some values of this type may be shown in part.
fn has_parts(kind: Sensitive) -> bool {
    matches!(kind, Sensitive::PaymentCard | Sensitive::Email | Sensitive::Personal)
}

/// What may be shown of a value; `None`: nothing.
fn part(kind: Sensitive, value: &[u8]) -> Option<String> {
    match kind {
        Sensitive::PaymentCard => part_of_card(&normal(kind, value)),
        Sensitive::Email | Sensitive::Personal => part_of_address(std::str::from_utf8(value).ok()?),
        _ => None,
    }
}

/// The last four digits, and the first six where that leaves five or more in the dark.
fn part_of_card(value: &[u8]) -> Option<String> {
    let digits = std::str::from_utf8(value).ok()?;
    if !(13..=19).contains(&digits.len()) || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let shown = if digits.len() < 15 { 0 } else { 6 };
    let (first, rest) = digits.split_at_checked(shown)?;
    let (hidden, last) = rest.split_at_checked(rest.len().checked_sub(4)?)?;
    Some(format!("{first}{}{last}", "*".repeat(hidden.len())))
}

/// The first letter and the domain of an e-mail address that is nothing else.
fn part_of_address(text: &str) -> Option<String> {
    let (local, domain) = text.split_once('@')?;
    let labels = domain.split('.').all(|label| {
        let part = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        (1..=63).contains(&label.len()) && label.bytes().all(part)
    });
    let plain = |c: char| c.is_alphanumeric() || "._%+-'".contains(c);
    let first = local.chars().next().filter(|first| first.is_alphanumeric())?;
    let fits = labels && domain.contains('.') && local.chars().all(plain) && text.len() <= 254;
    fits.then(|| format!("{first}***@{domain}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::token::KEY_BYTES;

    fn tokens() -> Tokens {
        Tokens::new("k1", &[7; KEY_BYTES])
    }

    fn config(text: &str) -> ActionConfig {
        toml::from_str(text).unwrap()
    }

    fn replaced(text: &str, kind: Sensitive, value: &str) -> (String, Action) {
        let Replaced { text, action } =
            Actions::new(&config(text), tokens()).replace(kind, Some(value.as_bytes()));
        (text.into_owned(), action)
    }

    #[test]
    fn tokens_are_of_what_was_meant() {
        let tokens = tokens();
        let token = |name: &str, value: &str| {
            TokenKind::named(name).unwrap().token(&tokens, value.as_bytes())
        };
        let card = tokens.token("payment_card", b"4111111111111111");
        for written in ["4111111111111111", "4111 1111 1111 1111", "4111-1111-1111-1111"] {
            assert_eq!(token("payment_card", written), card);
        }
        assert_ne!(token("payment_card", "pay 4111111111111111"), card);
        assert_eq!(token("secret", "a b"), tokens.token("secret", b"a b"));
        assert_eq!(token("body", "4111 1"), tokens.token("body", b"4111 1"));
        assert_eq!(TokenKind::named("Secret"), None);
    }

    #[test]
    fn types_that_are_not_named_have_their_own_action() {
        let mask = ("***".to_owned(), Action::Mask);
        let card = ("411111******1111".to_owned(), Action::Partial);
        let number = "4111 1111 1111 1111";
        for text in ["", "default = \"mask\"", "secret = \"drop\""] {
            assert_eq!(replaced(text, Sensitive::PaymentCard, number), card, "{text}");
            assert_eq!(replaced(text, Sensitive::Jwt, "x"), mask, "{text}");
        }
        assert_eq!(replaced("payment_card = \"mask\"", Sensitive::PaymentCard, number), mask);
        let dropped = (String::new(), Action::Drop);
        assert_eq!(replaced("default = \"drop\"", Sensitive::Jwt, "x"), dropped);
        let token = (tokens().token("secret", b"x"), Action::Token);
        assert_eq!(replaced("default = \"token\"", Sensitive::Secret, "x"), token);
        assert_eq!(replaced("", Sensitive::ApiKey, "x").1, Action::Token);
    }

    #[test]
    fn what_has_not_the_form_is_masked() {
        let personal = "personal = \"partial\"";
        for (kind, value, shown) in [
            (Sensitive::PaymentCard, "378282246310005", Some("378282*****0005")),
            (Sensitive::PaymentCard, "4222222222222", Some("*********2222")),
            (Sensitive::PaymentCard, "pay 4111111111111111", None),
            (Sensitive::PaymentCard, "411111111111", None),
            (Sensitive::Personal, "alice@mail.example", Some("a***@mail.example")),
            (Sensitive::Personal, "\u{fc}ser@b.example", Some("\u{fc}***@b.example")),
            (Sensitive::Personal, "alice@example", None),
            (Sensitive::Personal, "Alice <alice@mail.example>", None),
            (Sensitive::Personal, "alice@mail.example b@c.example", None),
            (Sensitive::Personal, "+491511234567", None),
            (Sensitive::Personal, "@a.b", None),
        ] {
            let expected = shown.map_or((MASK, Action::Mask), |shown| (shown, Action::Partial));
            let (text, action) = replaced(personal, kind, value);
            assert_eq!((text.as_str(), action), expected, "{value}");
        }
        let actions = Actions::new(&config("default = \"token\""), tokens());
        assert_eq!(actions.replace(Sensitive::Secret, None).action, Action::Mask);
        assert_eq!(Actions::MASK_ALL.replace(Sensitive::ApiKey, Some(b"x")).text, MASK);
    }

    #[test]
    fn mistakes_are_named_and_mask() {
        let mistakes = |text: &str| -> Vec<String> {
            config(text).check().map(|(_, error)| error.to_string()).collect()
        };
        assert_eq!(mistakes("card = \"mask\""), ["`card` is no type of a value"]);
        for kind in ["credential", "secret", "jwt", "private_key", "api_key", "default"] {
            let text = format!("{kind} = \"partial\"");
            assert_eq!(mistakes(&text), [format!("nothing of a `{kind}` is ever shown")]);
            if let Some(kind) = of_name(kind) {
                assert_eq!(replaced(&text, kind, "alice@mail.example").0, MASK);
            }
        }
        assert!(mistakes("payment_card = \"partial\"\ndefault = \"token\"").is_empty());
        assert!(ActionConfig::default().check().next().is_none());
    }

    #[test]
    fn types_are_in_the_order_of_their_numbers() {
        for (index, kind) in Sensitive::ALL.iter().enumerate() {
            assert_eq!(*kind as usize, index);
            assert_eq!(serde_json::to_string(kind).unwrap(), format!("{:?}", kind.name()));
        }
        #[cfg(feature = "schema")]
        {
            let schema = schemars::schema_for!(Sensitive).to_value();
            let names = schema["oneOf"].as_array().unwrap().len();
            assert_eq!(names, Sensitive::ALL.len());
        }
    }
}
