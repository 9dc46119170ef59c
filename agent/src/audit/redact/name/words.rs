//! Words of names, and what they say.
//!
//! In: one word in lower case. Out: whether it is one of a kind.
//! Always: only lists; a list is sorted.
//! Not here: how words make a name (`name`), cutting names into words (`word`).

/// Words that make a value secret wherever they stand in the name.
pub(super) fn is_secret(word: &str) -> bool {
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
pub(super) fn is_personal(word: &str) -> bool {
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
pub(super) fn ends_secret(word: &str) -> bool {
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
pub(super) fn is_harmless_key(word: &str) -> bool {
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

/// `token` after one of these is a place in a list, the mark of an attempt, or a count of words.
pub(super) fn is_harmless_token(word: &str) -> bool {
    matches!(
        word,
        "cached"
            | "completion"
            | "continuation"
            | "cursor"
            | "idempotency"
            | "input"
            | "marker"
            | "max"
            | "next"
            | "output"
            | "page"
            | "pagination"
            | "paging"
            | "prev"
            | "previous"
            | "prompt"
            | "reasoning"
            | "resume"
            | "skip"
            | "start"
            | "starting"
            | "sync"
            | "total"
    )
}

/// `sid` alone or after one of these is that of a session; others give it to any of their things (`account_sid`).
pub(super) fn is_session_sid(word: &str) -> bool {
    matches!(word, "" | "auth" | "connect" | "login" | "php" | "session" | "sso" | "web")
}

/// What stands behind `key` where the key itself is elsewhere (`kmsKeyId`).
pub(super) fn is_about_key(word: &str) -> bool {
    matches!(word, "alias" | "arn" | "id" | "ids" | "name" | "uri" | "url" | "usage")
}

/// Behind one of these, the name of a key is half of a credential (`AWSAccessKeyId`).
pub(super) fn is_credential_key(word: &str) -> bool {
    matches!(word, "access" | "api" | "secret")
}

/// `code` after one of these is no secret (`country_code`).
pub(super) fn is_harmless_code(word: &str) -> bool {
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
pub(super) fn is_description(word: &str) -> bool {
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

/// Words that name harmless things as often as not (`code` of an error, `key` of a pair).
pub(super) fn is_doubtful(word: &str) -> bool {
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

/// Words before `code` after which there is no doubt.
pub(super) fn is_sure_before_code(word: &str) -> bool {
    matches!(
        word,
        "access"
            | "activation"
            | "auth"
            | "authorization"
            | "backup"
            | "invite"
            | "otp"
            | "pass"
            | "pin"
            | "recovery"
            | "reset"
            | "secret"
            | "security"
            | "verification"
    )
}

/// Words before `pass` after which there is no doubt.
pub(super) fn is_before_pass(word: &str) -> bool {
    matches!(
        word,
        "admin"
            | "auth"
            | "basic"
            | "database"
            | "db"
            | "ftp"
            | "http"
            | "imap"
            | "login"
            | "mail"
            | "mysql"
            | "proxy"
            | "redis"
            | "root"
            | "smtp"
            | "user"
    )
}

/// Words before others, such as `key`, after which there is no doubt.
pub(super) fn is_sure_before(word: &str) -> bool {
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
pub(super) fn is_repeating(word: &str) -> bool {
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
