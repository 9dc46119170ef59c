//! What always holds of targets and fields of heads: made ones stay, or lose their secrets.
//!
//! In: targets and fields made by chance. Out: nothing.
//! Always: a secret is told by six characters of it, wherever they stand.
//! Not here: bodies (`body`'s own tests), known cases (`url`, `headers`).

use proptest::prelude::*;
use proptest::sample::select;

use super::RedactionConfig;
use super::headers::{HeaderTable, Side};
use super::notes::Notes;
use super::url::url;
use crate::audit::testing::fields;
use crate::cases::cases;

/// Path and query as they are written.
fn written(target: &str) -> String {
    let mut notes = Notes::default();
    let url = url(Some(target.as_bytes()), "http", false, Some(b"h"), &mut notes);
    let query = url.query.map(|query| format!("?{query}")).unwrap_or_default();
    format!("{}{query}", url.path.unwrap_or_default())
}

/// What is written of fields of a request, which stand on lines.
fn kept(lines: &str) -> String {
    let table = HeaderTable::new(&RedactionConfig::default());
    let fields = fields(lines.as_bytes());
    let mut notes = Notes::default();
    let kept = table.keep(&fields, Side::Request, &mut notes);
    serde_json::to_string(&kept.headers).unwrap()
}

fn leaks(written: &str, canary: &str) -> bool {
    let mut pieces = canary.as_bytes().windows(6);
    pieces.any(|piece| written.as_bytes().windows(6).any(|part| part == piece))
}

fn canary() -> impl Strategy<Value = String> {
    "([qxzw][0-9]){6,12}"
}

/// A parameter without a secret.
fn parameter() -> impl Strategy<Value = String> {
    let name = select(vec!["page", "q", "sort", "status", "a%20b"]);
    (name, "[a-df-z]{2,7}|[1-9][0-9]{0,3}").prop_map(|(name, value)| format!("{name}={value}"))
}

proptest! {
    #![proptest_config(cases(300))]

    #[test]
    fn clean_targets_stay_as_they_are(
        path in proptest::collection::vec("[a-df-z]{2,8}|[1-9][0-9]{0,4}", 1..5),
        query in proptest::collection::vec(parameter(), 1..5),
    ) {
        let target = format!("/{}?{}", path.join("/"), query.join("&"));
        prop_assert_eq!(written(&target), target);
    }

    #[test]
    fn targets_lose_their_secrets_once_and_for_all(
        canary in canary(),
        form in 0..7_usize,
        clean in parameter(),
        any in "[!-~]{0,30}",
    ) {
        let encoded: String = canary.bytes().map(|byte| format!("%{byte:02x}")).collect();
        let secret = match form {
            0 => format!("password={canary}"),
            1 => format!("access%5Ftoken={encoded}"),
            2 => format!("{canary}%40example.com"),
            3 => format!("next=%2Fcb%3Ftoken%3D{canary}"),
            4 => format!("x=Bearer%20{canary}"),
            5 => format!("x=%7B%22pin%22:%22{canary}%22%7D"),
            _ => format!("user%5Bsecret%5D={canary}"),
        };
        let once = written(&format!("/a/b?{clean}&{secret}&{clean}"));
        prop_assert!(!leaks(&once, &canary) && !leaks(&once, &encoded), "{}", once);
        prop_assert!(once.starts_with("/a/b?") && once.contains(&clean));
        prop_assert_eq!(written(&once), once);
        let any = format!("/{any}");
        prop_assert!(written(&any).len() <= 3 * any.len() + 16);
    }

    #[test]
    fn fields_with_credentials_are_left_out_and_others_stay(canary in canary(), form in 0..6_usize) {
        let field = match form {
            0 => format!("Authorization: Bearer {canary}"),
            1 => format!("Cookie: a=1; session={canary}"),
            2 => format!("X-Custom-Api-Key: {canary}"),
            3 => format!("X-Unknown: {canary}"),
            4 => format!("Accept: a;token={canary}"),
            _ => format!("User-Agent: bot Basic {canary}="),
        };
        let once = kept(&format!("Accept: text/html\n{field}\nAccept-Encoding: gzip"));
        prop_assert!(!leaks(&once, &canary), "{}", once);
        prop_assert!(once.contains("text/html") && once.contains("gzip"), "{}", once);
    }
}
