//! What the name of a parameter says about its value.
//!
//! In: a name as sent, percent-decoded. Out: whether its value is secret or about a person.
//! Always: judged by words (`accessToken`, `access_token`, `X-Amz-Signature`), so that `monkey`
//! and `keyboard` are not `key`; without allocation.
//! Not here: values (`redact::value`), header fields that are never kept (`redact::lists`).

use super::super::record::Sensitive;

/// Words that make a value secret wherever they stand in the name.
fn is_secret(word: &str) -> bool {
    matches!(
        word,
        "apikey"
            | "auth"
            | "authentication"
            | "authorization"
            | "bearer"
            | "cookie"
            | "credential"
            | "credentials"
            | "creds"
            | "csrf"
            | "cvc"
            | "cvv"
            | "hmac"
            | "jwt"
            | "mfa"
            | "nonce"
            | "oauth"
            | "otp"
            | "pass"
            | "passcode"
            | "passphrase"
            | "passwd"
            | "password"
            | "pin"
            | "pwd"
            | "saml"
            | "samlrequest"
            | "samlresponse"
            | "secret"
            | "sess"
            | "sessid"
            | "session"
            | "sessionid"
            | "sid"
            | "sig"
            | "sign"
            | "signature"
            | "ticket"
            | "token"
            | "totp"
            | "xsrf"
    )
}

/// Words that make a value personal wherever they stand in the name.
fn is_personal(word: &str) -> bool {
    matches!(
        word,
        "birth"
            | "birthdate"
            | "birthday"
            | "card"
            | "cardnumber"
            | "ccnumber"
            | "creditcard"
            | "dateofbirth"
            | "dob"
            | "email"
            | "emailaddress"
            | "fax"
            | "iban"
            | "mail"
            | "mobile"
            | "msisdn"
            | "passport"
            | "phone"
            | "phonenumber"
            | "ssn"
            | "telephone"
    )
}

/// Ends of a word that was written together (`accesstoken`, `userpassword`, `clientsecret`).
fn ends_secret(word: &str) -> bool {
    const ENDS: [&str; 11] = [
        "apikey",
        "accesskey",
        "credential",
        "jwt",
        "passwd",
        "password",
        "secret",
        "sessid",
        "sessionid",
        "signature",
        "token",
    ];
    ENDS.iter().any(|end| word.ends_with(end))
}

/// `key` after one of these is no secret (`sort_key`).
fn is_harmless_key(word: &str) -> bool {
    matches!(
        word,
        "cache"
            | "foreign"
            | "group"
            | "order"
            | "partition"
            | "primary"
            | "public"
            | "range"
            | "row"
            | "sort"
    )
}

/// `code` after one of these is no secret (`country_code`).
fn is_harmless_code(word: &str) -> bool {
    matches!(
        word,
        "airport"
            | "area"
            | "bar"
            | "city"
            | "color"
            | "country"
            | "currency"
            | "dial"
            | "district"
            | "error"
            | "exit"
            | "http"
            | "item"
            | "lang"
            | "language"
            | "locale"
            | "plan"
            | "post"
            | "postal"
            | "product"
            | "qr"
            | "reason"
            | "region"
            | "response"
            | "sku"
            | "source"
            | "state"
            | "station"
            | "status"
            | "zip"
    )
}

/// A name that ends with one of these describes a secret and is none (`token_type`).
fn is_description(word: &str) -> bool {
    matches!(
        word,
        "count"
            | "enabled"
            | "expires"
            | "expiry"
            | "format"
            | "kind"
            | "length"
            | "marker"
            | "method"
            | "required"
            | "size"
            | "status"
            | "ttl"
            | "type"
            | "version"
    )
}

/// How sure a name makes it that its values are what it says.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Strength {
    /// Whatever the values look like.
    Sure,
    /// Only those that look like it: many fields have that name for something else.
    Doubtful,
}

/// Words that name harmless things as often as not (`code` of an error, `key` of a pair).
fn is_doubtful(word: &str) -> bool {
    matches!(
        word,
        "auth"
            | "authentication"
            | "authorization"
            | "bearer"
            | "card"
            | "cards"
            | "code"
            | "codes"
            | "cookie"
            | "cookies"
            | "fax"
            | "hmac"
            | "key"
            | "keys"
            | "mail"
            | "mobile"
            | "nonce"
            | "oauth"
            | "pass"
            | "saml"
            | "sess"
            | "session"
            | "sessions"
            | "sid"
            | "sig"
            | "sign"
            | "signature"
            | "signatures"
            | "signs"
            | "ticket"
            | "tickets"
    )
}

/// Words before `key` and `code` after which there is no doubt.
fn is_sure_before(word: &str) -> bool {
    matches!(
        word,
        "access"
            | "account"
            | "activation"
            | "api"
            | "auth"
            | "authorization"
            | "backup"
            | "client"
            | "decryption"
            | "encryption"
            | "license"
            | "master"
            | "otp"
            | "pass"
            | "pin"
            | "private"
            | "recovery"
            | "reset"
            | "secret"
            | "security"
            | "shared"
            | "signing"
            | "verification"
    )
}

/// Words that only repeat what the word before says (`password_confirmation`, `phoneNumber`).
fn is_repeating(word: &str) -> bool {
    matches!(
        word,
        "address"
            | "again"
            | "confirm"
            | "confirmation"
            | "current"
            | "day"
            | "date"
            | "new"
            | "no"
            | "num"
            | "number"
            | "old"
            | "plain"
            | "raw"
            | "repeat"
            | "string"
            | "text"
            | "value"
            | "verify"
    )
}

/// What the name of a field in a body says about its values. Fields are named for so much more than
/// parameters of a query that some words, and words with others behind them (`token_id`,
/// `emailSubject`), are not believed without a look at the value.
pub fn classify_field(name: &[u8]) -> Option<(Sensitive, Strength)> {
    let kind = classify(name)?;
    if name.len() > NAME_BYTES {
        return Some((kind, Strength::Sure));
    }
    let (mut previous, mut sure) = (Word::default(), false);
    for word in Words::new(name) {
        let text = word.text();
        let judged = judge(&previous, &word).is_some();
        let believed = judged && (!is_doubtful(text) || is_sure_before(previous.text()));
        // What comes later may be about it, and not be it.
        sure = believed || (sure && (judged || is_repeating(text) || text.is_empty()));
        previous = word;
    }
    Some((kind, if sure { Strength::Sure } else { Strength::Doubtful }))
}

/// Longest word that is looked at, in bytes; longer ones are judged by their end.
const WORD_BYTES: usize = 32;
/// A name longer than this is taken for secret: nobody writes such names by hand.
const NAME_BYTES: usize = 256;

/// What the name says about its value; `None`: nothing.
pub fn classify(name: &[u8]) -> Option<Sensitive> {
    if name.len() > NAME_BYTES {
        return Some(Sensitive::Secret);
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

fn judge(previous: &Word, word: &Word) -> Option<Sensitive> {
    let text = word.text();
    let secret = match text {
        "key" | "keys" => !is_harmless_key(previous.text()),
        "code" => !is_harmless_code(previous.text()),
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

/// One word in lower case, without digits at its end.
#[derive(Clone, Copy)]
struct Word {
    bytes: [u8; WORD_BYTES],
    len: usize,
}

impl Default for Word {
    fn default() -> Self {
        Self { bytes: [0; WORD_BYTES], len: 0 }
    }
}

impl Word {
    fn new(raw: &[u8]) -> Self {
        let letters = raw.iter().rposition(|byte| !byte.is_ascii_digit()).map_or(0, |at| at + 1);
        let raw = raw.get(..letters).unwrap_or_default();
        let end = raw.get(raw.len().saturating_sub(WORD_BYTES)..).unwrap_or_default();
        let mut word = Self { len: end.len(), ..Self::default() };
        for (to, from) in word.bytes.iter_mut().zip(end) {
            *to = from.to_ascii_lowercase();
        }
        word
    }

    fn text(&self) -> &str {
        self.bytes.get(..self.len).and_then(|word| std::str::from_utf8(word).ok()).unwrap_or("")
    }
}

/// Cuts a name at everything that is no letter or digit, and where small letters meet capitals.
struct Words<'a> {
    rest: &'a [u8],
}

impl<'a> Words<'a> {
    fn new(name: &'a [u8]) -> Self {
        Self { rest: name }
    }
}

impl Iterator for Words<'_> {
    type Item = Word;

    fn next(&mut self) -> Option<Word> {
        let start = self.rest.iter().position(u8::is_ascii_alphanumeric)?;
        let rest = self.rest.get(start..)?;
        let end = word_end(rest);
        let (word, after) = rest.split_at_checked(end)?;
        self.rest = after;
        Some(Word::new(word))
    }
}

/// Where the word at the front ends: `access|Token`, `AWS|Access`, `sig|-`.
fn word_end(rest: &[u8]) -> usize {
    let at = |index: usize| rest.get(index).copied().unwrap_or(b' ');
    let boundary = |index: usize| {
        let (before, here, after) = (at(index - 1), at(index), at(index + 1));
        !here.is_ascii_alphanumeric()
            || (here.is_ascii_uppercase() && !before.is_ascii_uppercase())
            || (before.is_ascii_uppercase()
                && here.is_ascii_uppercase()
                && after.is_ascii_lowercase())
    };
    (1..rest.len()).find(|&index| boundary(index)).unwrap_or(rest.len())
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
            "pin",
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
        ] {
            assert_eq!(strength(name), Some(Strength::Doubtful), "{name}");
        }
        assert_eq!(strength("name"), None);
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
        ] {
            assert_eq!(classify(name.as_bytes()), None, "{name}");
        }
    }
}
