//! Which values of bodies records keep.
//!
//! In: `RedactionConfig`. Out: `BodyRules`, what is wrong with an entry.
//! Always: a name that says that its value is secret or personal is never allowed, nor are media
//! types that have parts of other types.
//! Not here: what values look like (`scalar`), names that are not allowed (`names`).

use std::sync::atomic::{AtomicU64, Ordering};

use rustc_hash::FxHashSet;

use super::super::detect::custom::{Detector, DetectorConfig};
use super::super::{BodyValues, RedactionConfig, name};
use super::media::is_token;
use crate::audit::record::Sensitive;

/// Kept unless the configuration has a list of its own: what says how a call went, and which part
/// of a list this is. None of them tells about a person or opens anything. Left out on purpose:
/// `id`, `name`, `title`, `message`, `description` (may hold anything), `state` (of an address, and
/// OAuth's protection against forgery), `total`, `amount` (money of somebody), `locale`, `country`,
/// `timezone` (of a person), `method`, `url`, `path`.
pub const ALLOW: &[&str] = &[
    "@type",
    "api_version",
    "apiversion",
    "count",
    "currency",
    "error_code",
    "errorcode",
    "jsonrpc",
    "kind",
    "limit",
    "offset",
    "ok",
    "page",
    "page_count",
    "page_size",
    "pagecount",
    "pagesize",
    "per_page",
    "perpage",
    "priority",
    "retry_after",
    "severity",
    "size",
    "status",
    "status_code",
    "statuscode",
    "success",
    "total_count",
    "total_pages",
    "totalcount",
    "totalpages",
    "type",
    "version",
];

/// Which values of bodies records keep.
#[derive(Debug)]
pub struct BodyRules {
    /// In lower case.
    names: FxHashSet<Box<str>>,
    /// In lower case; `text/*` means all of a type.
    media: Vec<Box<str>>,
    values: BodyValues,
    detectors: Vec<Detector>,
    detector_configs: Vec<DetectorConfig>,
    /// No other rules have it.
    number: u64,
}

/// What is wrong with an entry of `body_allow`.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum EntryError {
    /// Empty, too long, or with control characters.
    #[error("`{0}` is no name of a field")]
    Name(String),
    /// Its values are secret.
    #[error("`{0}` holds secrets and is never recorded")]
    Secret(String),
    /// Its values are about a person.
    #[error("`{0}` holds personal data and is never recorded")]
    Personal(String),
    /// Neither `type/subtype` nor `type/*`.
    #[error("`{0}` is no media type")]
    Media(String),
    /// It is kept by the fields of its parts, or not at all.
    #[error("`{0}` has parts of other types and is never kept as a whole")]
    Multipart(String),
}

impl EntryError {
    /// What to do about it.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Name(_) => None,
            Self::Secret(_) | Self::Personal(_) => {
                Some("leave it out; that it was sent is recorded")
            }
            Self::Media(_) => Some("`text/plain` or `text/*`, without parameters"),
            Self::Multipart(_) => Some("leave it out; list the names of fields"),
        }
    }
}

static NUMBERS: AtomicU64 = AtomicU64::new(0);

impl BodyRules {
    /// The rules of a configuration. Entries that are mistakes allow nothing.
    pub fn new(config: &RedactionConfig) -> Self {
        let good = config.body_allow.iter().filter(|entry| check(entry).is_ok());
        let lower = good.map(|entry| entry.to_ascii_lowercase().into_boxed_str());
        let (media, names): (Vec<_>, Vec<_>) = lower.partition(|entry| is_media(entry));
        let number = NUMBERS.fetch_add(1, Ordering::Relaxed);
        let detectors = config.detector.iter().filter_map(|one| Detector::new(one).ok()).collect();
        let detector_configs = config.detector.clone();
        let names = names.into_iter().collect();
        Self { names, media, values: config.body_values, detectors, detector_configs, number }
    }

    /// Which values are kept: part of the policy's digest.
    pub fn values(&self) -> BodyValues {
        self.values
    }

    /// Names and media types that are kept, sorted: part of the policy's digest.
    pub fn kept_entries(&self) -> Vec<&str> {
        let mut entries: Vec<_> = self.names.iter().chain(&self.media).map(AsRef::as_ref).collect();
        entries.sort_unstable();
        entries
    }

    /// The user's own detectors as they were configured: part of the policy's digest.
    pub fn detector_configs(&self) -> &[DetectorConfig] {
        &self.detector_configs
    }

    /// The user's own detectors.
    pub(super) fn detectors(&self) -> &[Detector] {
        &self.detectors
    }

    /// By which what was judged under these rules is told from what was under others.
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// Whether values under this name are kept.
    pub(super) fn allows_name(&self, name: &str) -> bool {
        name.len() <= NAME_BYTES && self.names.contains(name.to_ascii_lowercase().as_str())
    }

    /// Whether content of this media type, in lower case, is kept as a whole.
    pub(super) fn allows_media(&self, essence: &str) -> bool {
        self.media.iter().any(|entry| match entry.strip_suffix('*') {
            Some(of_type) => essence.starts_with(of_type),
            None => essence == &**entry,
        })
    }
}

/// Whether an entry of `body_allow` can be kept. Errors: why not.
pub fn check(entry: &str) -> Result<(), EntryError> {
    let mistake = match entry.split_once('/') {
        Some((kind, _)) if kind.eq_ignore_ascii_case("multipart") => EntryError::Multipart,
        Some((kind, subtype)) if is_token(kind) && is_token(subtype) && !kind.contains('*') => {
            // A star stands for a whole subtype, not for a part of one.
            if subtype == "*" || !subtype.contains('*') {
                return Ok(());
            }
            EntryError::Media
        }
        Some(_) => EntryError::Media,
        None if entry.is_empty() || entry.len() > NAME_BYTES => EntryError::Name,
        None if entry.chars().any(char::is_control) => EntryError::Name,
        None => match name::classify(entry.as_bytes()) {
            None => return Ok(()),
            Some(Sensitive::Personal) => EntryError::Personal,
            Some(_) => EntryError::Secret,
        },
    };
    Err(mistake(entry.to_owned()))
}

fn is_media(entry: &str) -> bool {
    entry.contains('/')
}

/// Longest name that can be allowed, in bytes.
const NAME_BYTES: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(allow: &[&str]) -> BodyRules {
        let body_allow = allow.iter().map(|entry| (*entry).to_owned()).collect();
        BodyRules::new(&RedactionConfig { body_allow, ..RedactionConfig::default() })
    }

    #[test]
    fn the_default_list_is_without_mistakes_and_in_order() {
        assert!(ALLOW.is_sorted());
        for name in ALLOW {
            assert_eq!(check(name), Ok(()));
            assert_eq!(*name, name.to_lowercase());
        }
        assert_eq!(BodyRules::new(&RedactionConfig::default()).kept_entries(), ALLOW);
    }

    #[test]
    fn names_are_compared_without_case() {
        let rules = rules(&["Status", "Caf\u{e9}"]);
        assert!(rules.allows_name("STATUS") && rules.allows_name("caf\u{e9}"));
        assert!(!rules.allows_name("statu") && !rules.allows_name("status_"));
    }

    #[test]
    fn media_types_may_be_a_whole_type() {
        let rules = rules(&["Text/*", "application/octet-stream"]);
        assert!(rules.allows_media("text/plain") && rules.allows_media("application/octet-stream"));
        assert!(!rules.allows_media("textual/plain") && !rules.allows_media("application/json"));
        assert!(!rules.allows_name("text/*"));
    }

    #[test]
    fn mistakes_allow_nothing() {
        let mistakes = [
            ("", "`` is no name of a field"),
            ("a\nb", "`a\nb` is no name of a field"),
            ("password", "`password` holds secrets and is never recorded"),
            ("Code", "`Code` holds secrets and is never recorded"),
            ("userEmail", "`userEmail` holds personal data and is never recorded"),
            ("*/*", "`*/*` is no media type"),
            ("text/pl*", "`text/pl*` is no media type"),
            ("text/", "`text/` is no media type"),
            ("text/plain; charset=utf-8", "`text/plain; charset=utf-8` is no media type"),
            ("multipart/*", "`multipart/*` has parts of other types and is never kept as a whole"),
        ];
        for (entry, text) in mistakes {
            assert_eq!(check(entry).unwrap_err().to_string(), text);
            assert_eq!(rules(&[entry]).kept_entries(), Vec::<&str>::new());
        }
    }
}
