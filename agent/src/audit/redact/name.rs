//! What the name of a parameter says about its value.
//!
//! In: a name as sent, percent-decoded. Out: whether its value is secret or about a person.
//! Always: judged by words (`accessToken`, `access_token`, `X-Amz-Signature`), so that `monkey`
//! and `keyboard` are not `key`; without allocation.
//! Not here: lists of words (`words`), values (`redact::value`), header fields that are never kept (`redact::lists`).

mod word;
mod words;

use super::super::record::Sensitive;
use word::{Word, Words};
use words::*;

/// How sure a name makes it that its values are what it says.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Strength {
    /// Whatever the values look like.
    Sure,
    /// Only those with a digit: a PIN has some, a place or a name has none.
    Digits,
    /// Only those that look like it: many fields have that name for something else.
    Doubtful,
}

/// What the name of a field in a body says about its values. Fields are named for so much more than
/// parameters of a query that some words, and words with others behind them (`token_id`,
/// `emailSubject`), are not believed without a look at the value.
pub fn classify_field(name: &[u8]) -> Option<(Sensitive, Strength)> {
    let kind = classify(name)?;
    if name.len() > NAME_BYTES || is_birth_date(name) {
        return Some((kind, Strength::Sure));
    }
    if is_about_a_key(name) {
        return None;
    }
    let (mut previous, mut sure) = (Word::default(), false);
    for word in Words::new(name) {
        let text = word.text();
        let judged = judge(&previous, &word).is_some();
        let believed = judged && (!is_doubtful(text) || leaves_no_doubt(&previous, text));
        // What comes later may be about it, and not be it.
        sure = believed || (sure && (judged || is_repeating(text) || text.is_empty()));
        previous = word;
    }
    Some((
        kind,
        match sure {
            true if previous.text() == "pin" => Strength::Digits,
            true => Strength::Sure,
            false => Strength::Doubtful,
        },
    ))
}

fn leaves_no_doubt(previous: &Word, text: &str) -> bool {
    match text {
        "code" | "codes" => is_sure_before_code(previous.text()),
        "pass" => previous.text().is_empty() || is_before_pass(previous.text()),
        _ => is_sure_before(previous.text()),
    }
}

/// Whether the name is of what leads to a key (`kmsKeyId`), and not half of a credential.
fn is_about_a_key(name: &[u8]) -> bool {
    let (mut before, mut previous, mut last) = (Word::default(), Word::default(), Word::default());
    for word in Words::new(name) {
        (before, previous, last) = (previous, last, word);
    }
    previous.text() == "key" && is_about_key(last.text()) && !is_credential_key(before.text())
}

/// A name longer than this is taken for secret: nobody writes such names by hand.
const NAME_BYTES: usize = 256;

/// What the name says about its value; `None`: nothing.
pub fn classify(name: &[u8]) -> Option<Sensitive> {
    if name.len() > NAME_BYTES {
        return Some(Sensitive::Secret);
    }
    if is_birth_date(name) {
        return Some(Sensitive::Personal);
    }
    let mut found = None;
    let mut previous = Word::default();
    let mut words = 0;
    for word in Words::new(name) {
        found = found.or_else(|| judge(&previous, &word));
        previous = word;
        words += 1;
    }
    // The name ends where the last word does: `token_type` describes, `type_token` does not.
    if words > 1 && is_description(previous.text()) {
        return None;
    }
    found
}

/// However its letters are written: `doB` would be two words.
fn is_birth_date(name: &[u8]) -> bool {
    name.eq_ignore_ascii_case(b"dob")
}

fn judge(previous: &Word, word: &Word) -> Option<Sensitive> {
    let text = word.text();
    let secret = match text {
        "key" | "keys" => !is_harmless_key(previous.text()),
        "code" => !is_harmless_code(previous.text()),
        "token" | "tokens" => !is_harmless_token(previous.text()),
        "sid" | "sids" => is_session_sid(previous.text()),
        _ => {
            let singular = text.strip_suffix('s').unwrap_or(text);
            is_secret(text) || is_secret(singular) || ends_secret(text)
        }
    };
    if secret {
        return Some(Sensitive::Secret);
    }
    is_personal(text).then_some(Sensitive::Personal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secret_names() {
        for name in [
            "token",
            "access_token",
            "accessToken",
            "ACCESS-TOKEN",
            "accesstoken",
            "apiKey",
            "api_key",
            "apikey",
            "key",
            "X-Amz-Signature",
            "X-Amz-Credential",
            "AWSAccessKeyId",
            "sig",
            "password",
            "passwd",
            "pwd",
            "user[password]",
            "newPassword2",
            "client_secret",
            "PHPSESSID",
            "session_id",
            "JSESSIONID",
            "sid",
            "code",
            "authCode",
            "otp",
            "pin",
            "id_token_hint",
            "SAMLResponse",
            "tokens",
            "auth.user",
            "code_verifier",
            "token2",
            "clientToken",
            "oauth_request_token",
            "connect.sid",
            "session_sid",
        ] {
            assert_eq!(classify(name.as_bytes()), Some(Sensitive::Secret), "{name}");
        }
        for name in ["email", "ssn", "cardNumber", "credit_card", "userEmail", "phone"] {
            assert_eq!(classify(name.as_bytes()), Some(Sensitive::Personal), "{name}");
        }
    }

    #[test]
    fn fields_may_be_doubtful() {
        let strength = |name: &str| classify_field(name.as_bytes()).map(|(_, strength)| strength);
        for name in [
            "password",
            "passwordConfirmation",
            "new_password2",
            "access_token",
            "apiKey",
            "secret_access_key",
            "securityCode",
            "phoneNumber",
            "email_address",
            "dateOfBirth",
            "clientSecrets",
            "pass",
            "dbPass",
            "doB",
            "accountKey",
            "authCode",
        ] {
            assert_eq!(strength(name), Some(Strength::Sure), "{name}");
        }
        for name in [
            "code",
            "key",
            "session",
            "tokenId",
            "secret_scanning_alerts",
            "emailSubject",
            "ChargeBearer",
            "signature",
            "card",
            "fax",
            "accountCode",
            "pass_rate",
            "boardingPass",
        ] {
            assert_eq!(strength(name), Some(Strength::Doubtful), "{name}");
        }
        assert_eq!(strength("pin"), Some(Strength::Digits));
        assert_eq!(strength("newPin"), Some(Strength::Digits));
        for name in ["name", "kmsKeyId", "KeyUsage", "key_name"] {
            assert_eq!(strength(name), None, "{name}");
        }
        assert_eq!(strength("AWSAccessKeyId"), Some(Strength::Doubtful));
    }

    #[test]
    fn harmless_names() {
        for name in [
            "monkey",
            "keyboard",
            "keyword",
            "page",
            "limit",
            "sort_key",
            "country_code",
            "zipCode",
            "author",
            "design",
            "pinned",
            "shipping",
            "mapping",
            "tokenize",
            "token_type",
            "code_challenge_method",
            "key-marker",
            "status_code",
            "compass",
            "secretary",
            "assigned",
            "siding",
            "q",
            "",
            "v",
            "user_id",
            "passenger",
            "discard",
            "nextPageToken",
            "next_token",
            "requestContinuationToken",
            "total_tokens",
            "account_sid",
            "userSids",
        ] {
            assert_eq!(classify(name.as_bytes()), None, "{name}");
        }
    }
}
