//! What stands in place of values of bodies, by action.

use super::*;
use crate::audit::redact::action::Actions;
use crate::audit::testing::tokens;

const JSON: &str = "application/json";
const FORM: &str = "application/x-www-form-urlencoded";

/// What is kept under these actions, and what was done how often.
fn kept(actions: &str, media_type: &str, body: &str) -> (String, Vec<(Sensitive, Action, u64)>) {
    let actions = Actions::new(&toml::from_str(actions).unwrap(), tokens());
    let mut notes = Notes::new(&actions);
    let kept = redact(&content(media_type, body.as_bytes()), &detecting(), KEY, &mut notes);
    let text = kept.map(|kept| kept.text).unwrap_or_default();
    let notes = notes.into_list();
    (text, notes.iter().map(|note| (note.kind, note.action, note.count)).collect())
}

#[test]
fn the_same_value_has_the_same_token_in_json_forms_and_text() {
    let token = tokens().token("secret", b"a \"b\"");
    let done = vec![(Sensitive::Secret, Action::Token, 1)];
    let actions = "secret = \"token\"";
    for (media_type, body, expected) in [
        (JSON, r#"{"password":"a \"b\""}"#, format!(r#"{{"password":"{token}"}}"#)),
        (JSON, r#"{"password":"a \u0022b\u0022"}"#, format!(r#"{{"password":"{token}"}}"#)),
        (FORM, "password=a+%22b%22&x=1", format!("password={token}&x=1")),
    ] {
        assert_eq!(kept(actions, media_type, body), (expected, done.clone()), "{body}");
    }
    let token = tokens().token("secret", b"hunter2");
    for text in ["password=hunter2\nx", "password= 'hunter2'\nx"] {
        assert_eq!(kept(actions, "text/plain", text).0, format!("password={token}\nx"), "{text}");
    }
    let key = tokens().token("api_key", b"AKIAIOSFODNN7EXAMPLE");
    let text = kept("api_key = \"token\"", "text/plain", "a AKIAIOSFODNN7EXAMPLE b\n");
    assert_eq!(text, (format!("a {key} b\n"), vec![(Sensitive::ApiKey, Action::Token, 1)]));
}

#[test]
fn only_cards_and_addresses_are_shown_in_part() {
    let card = "411111******1111";
    let done = vec![(Sensitive::PaymentCard, Action::Partial, 1)];
    for (media_type, body, expected) in [
        (JSON, r#"["4111 1111 1111 1111"]"#, format!("[\"{card}\"]")),
        (JSON, "[4111111111111111]", format!("[\"{card}\"]")),
        (FORM, "x=4111-1111-1111-1111", format!("x={card}")),
        ("text/plain", "paid 4111111111111111 now\n", format!("paid {card} now\n")),
    ] {
        assert_eq!(kept("", media_type, body), (expected, done.clone()), "{body}");
    }
    let mask = vec![(Sensitive::PaymentCard, Action::Mask, 1)];
    let within = kept("", JSON, r#"["paid with 4111111111111111"]"#);
    assert_eq!(within, (r#"["***"]"#.to_owned(), mask));
    let (text, _) = kept("secret = \"partial\"", JSON, r#"{"password":"4111111111111111"}"#);
    assert_eq!(text, r#"{"password":"***"}"#);
}

#[test]
fn nothing_is_left_of_what_is_dropped() {
    let drop = "default = \"drop\"";
    assert_eq!(kept(drop, JSON, r#"{"password":"x","a":1}"#).0, r#"{"password":null,"a":1}"#);
    assert_eq!(kept(drop, FORM, "a=1&password=x&b=2").0, "a=1&password=&b=2");
    assert_eq!(kept(drop, "text/plain", "a\npassword=x\n").0, "a\npassword=\n");
}

#[test]
fn tokens_do_not_make_a_body_much_longer() {
    let body = format!(r#"{{"password":[{}1]}}"#, "1,".repeat(20_000));
    let (text, notes) = kept("secret = \"token\"", JSON, &body);
    assert!(text.len() < 6 * body.len(), "{}", text.len());
    let counts: Vec<u64> = notes.iter().map(|(.., count)| *count).collect();
    assert_eq!(counts.iter().sum::<u64>(), 20_001);
    assert_eq!(counts.first(), Some(&4_096));
}
