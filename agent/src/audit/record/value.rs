//! Values that are written in a form of their own: text, times, addresses, header fields.
//!
//! In: plain values. Out: their JSON, and the same values read back from it.
//! Always: times are RFC 3339 in UTC with nine digits; what was written reads back equal.
//! Not here: what the values mean.

use std::borrow::Cow;
use std::fmt;
use std::net::IpAddr;

use jiff::Timestamp as Instant;
use serde::de::{Error, MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Text that is borrowed from an exchange or the policy, or owned where it had to be changed.
pub type Text<'a> = Cow<'a, str>;

/// A moment: nanoseconds since the Unix epoch. Years 1677 to 2262.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub struct Timestamp(pub i64);

/// An IP address, or the path of a unix socket.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Address<'a> {
    /// IPv4 or IPv6.
    Ip(IpAddr),
    /// Path; abstract names begin with `@`.
    Path(Text<'a>),
}

/// Header fields by name, in order of first arrival.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Headers<'a>(Vec<Header<'a>>);

/// All values of one header field; never without one.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Header<'a> {
    name: Text<'a>,
    first: Text<'a>,
    more: Vec<Text<'a>>,
}

// === impl Timestamp ===

/// Digits and signs of `2026-11-22T07:00:00.123456789Z`.
const TIMESTAMP_BYTES: usize = 30;
const NS_PER_S: i64 = 1_000_000_000;
const S_PER_DAY: i64 = 86_400;

impl Timestamp {
    /// RFC 3339 in UTC with nine digits. Written by hand: it is on the path of every record.
    fn text(self) -> [u8; TIMESTAMP_BYTES] {
        let (seconds, nanos) = (self.0.div_euclid(NS_PER_S), self.0.rem_euclid(NS_PER_S));
        let (days, clock) = (seconds.div_euclid(S_PER_DAY), seconds.rem_euclid(S_PER_DAY));
        let (year, month, day) = civil_from_days(days);
        let [y0, y1] = two(year / 100);
        let [y2, y3] = two(year % 100);
        let ([o0, o1], [d0, d1]) = (two(month), two(day));
        let ([h0, h1], [m0, m1]) = (two(clock / 3_600), two(clock / 60 % 60));
        let [s0, s1] = two(clock % 60);
        let ([n0, n1], [n2, n3]) = (two(nanos / 10_000_000), two(nanos / 100_000 % 100));
        let ([n4, n5], [n6, n7]) = (two(nanos / 1_000 % 100), two(nanos / 10 % 100));
        let [_, n8] = two(nanos % 10);
        [
            y0, y1, y2, y3, b'-', o0, o1, b'-', d0, d1, b'T', h0, h1, b':', m0, m1, b':', s0, s1,
            b'.', n0, n1, n2, n3, n4, n5, n6, n7, n8, b'Z',
        ]
    }
}

fn two(value: i64) -> [u8; 2] {
    let value = (value % 100) as u8;
    [b'0' + value / 10, b'0' + value % 10]
}

/// Year, month and day of a day since 1970-01-01 in the proleptic Gregorian calendar: eras of 400
/// years, years that begin in March.
fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

impl fmt::Display for Timestamp {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(std::str::from_utf8(&self.text()).unwrap_or_default())
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(std::str::from_utf8(&self.text()).unwrap_or_default())
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        let instant: Instant = text.parse().map_err(D::Error::custom)?;
        i64::try_from(instant.as_nanosecond()).map(Self).map_err(D::Error::custom)
    }
}

// === impl Address ===

impl Serialize for Address<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Ip(address) => address.serialize(serializer),
            Self::Path(path) => serializer.serialize_str(path),
        }
    }
}

impl<'de> Deserialize<'de> for Address<'_> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Ok(match text.parse() {
            Ok(address) => Self::Ip(address),
            Err(_) => Self::Path(Text::Owned(text)),
        })
    }
}

// === impl Headers ===

impl<'a> Headers<'a> {
    /// Room for that many names.
    pub fn with_capacity(names: usize) -> Self {
        Self(Vec::with_capacity(names))
    }

    /// Adds a value; a name that is there already gets one more.
    pub fn push(&mut self, name: Text<'a>, value: Text<'a>) {
        match self.0.iter_mut().find(|header| header.name == name) {
            Some(header) => header.more.push(value),
            None => self.push_new(name, value),
        }
    }

    /// Adds a value under a name that is not there yet.
    pub fn push_new(&mut self, name: Text<'a>, value: Text<'a>) {
        self.0.push(Header { name, first: value, more: Vec::new() });
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Names with their values, in order of arrival.
    pub fn iter(&self) -> impl Iterator<Item = (&str, impl Iterator<Item = &str>)> {
        self.0.iter().map(|header| {
            let more = header.more.iter().map(AsRef::as_ref);
            (header.name.as_ref(), std::iter::once(header.first.as_ref()).chain(more))
        })
    }
}

impl Serialize for Headers<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for header in &self.0 {
            map.serialize_entry(&header.name, &Values(header))?;
        }
        map.end()
    }
}

/// The values of a header field as a JSON array.
struct Values<'a>(&'a Header<'a>);

impl Serialize for Values<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(std::iter::once(&self.0.first).chain(&self.0.more))
    }
}

impl<'de> Deserialize<'de> for Headers<'_> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(HeadersVisitor).map(Headers)
    }
}

struct HeadersVisitor;

impl<'de> Visitor<'de> for HeadersVisitor {
    type Value = Vec<Header<'static>>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("header names with lists of values")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut headers = Headers::default();
        while let Some((name, values)) = map.next_entry::<String, Vec<String>>()? {
            for value in values {
                headers.push(Text::Owned(name.clone()), Text::Owned(value));
            }
        }
        Ok(headers.0)
    }
}

#[cfg(feature = "schema")]
mod schema {
    //! JSON Schema of the values that serde's derive does not see through.

    use std::borrow::Cow;

    use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

    use super::{Address, Headers, Timestamp};

    impl JsonSchema for Timestamp {
        fn schema_name() -> Cow<'static, str> {
            "Timestamp".into()
        }

        fn json_schema(_: &mut SchemaGenerator) -> Schema {
            json_schema!({
                "description": "RFC 3339, UTC, nine digits of a second.",
                "type": "string",
                "format": "date-time",
                "pattern": r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{9}Z$",
            })
        }
    }

    impl JsonSchema for Address<'_> {
        fn schema_name() -> Cow<'static, str> {
            "Address".into()
        }

        fn json_schema(_: &mut SchemaGenerator) -> Schema {
            json_schema!({
                "description": "IP address, or the path of a unix socket (abstract: `@` first).",
                "type": "string",
                "minLength": 1,
            })
        }
    }

    impl JsonSchema for Headers<'_> {
        fn schema_name() -> Cow<'static, str> {
            "Headers".into()
        }

        fn json_schema(_: &mut SchemaGenerator) -> Schema {
            json_schema!({
                "description": "Values by header name in lower case, in order of arrival.",
                "type": "object",
                "propertyNames": {"pattern": "^[^A-Z]+$"},
                "additionalProperties": {
                    "type": "array", "minItems": 1, "items": {"type": "string"},
                },
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::time::format_rfc3339;

    #[test]
    fn times_are_written_as_the_library_writes_them() {
        let day = S_PER_DAY * NS_PER_S;
        let moments = [0, 1, -1, i64::MAX, i64::MIN + day, 951_782_400 * NS_PER_S, 123_456_789];
        let spread = (-100_000..200_000).step_by(7).map(|days| days.clamp(-106_751, 106_751) * day);
        for moment in moments.into_iter().chain(spread) {
            assert_eq!(Timestamp(moment).to_string(), format_rfc3339(moment));
        }
    }

    #[test]
    fn values_read_back_equal() {
        for moment in [0, 1_795_330_800_123_456_789] {
            let text = serde_json::to_string(&Timestamp(moment)).unwrap();
            assert_eq!(serde_json::from_str::<Timestamp>(&text).unwrap(), Timestamp(moment));
        }
        let mut headers = Headers::default();
        headers.push("a".into(), "1".into());
        headers.push("b".into(), "2".into());
        headers.push("a".into(), "3".into());
        let text = serde_json::to_string(&headers).unwrap();
        assert_eq!(text, r#"{"a":["1","3"],"b":["2"]}"#);
        assert_eq!(serde_json::from_str::<Headers>(&text).unwrap(), headers);
    }
}
