//! `[capture]`: what is watched.
//!
//! In: the configuration file. Out: `CaptureConfig`.
//! Always: a rule's conditions must all hold; no rule means the whole host.
//! Not here: turning rules into filters of the kernel side (`kernel`, `discover`).

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// What is watched, and how much memory that may take.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct CaptureConfig {
    /// Only connections that one of these rules matches; with none, the whole host.
    /// Example: `[{ port = 8080 }, { executable = "/usr/sbin/nginx", user = "www-data" }]`.
    pub include: Vec<CaptureRule>,
    /// No connection that one of these rules matches, whatever `include` says.
    /// Example: `[{ executable = "/usr/bin/backup" }]`.
    pub exclude: Vec<CaptureRule>,
    /// Bytes of content kept of each direction of an exchange, as sent and again decoded, where the policy
    /// asks for bodies. Beyond it the record says `truncated`.
    pub body_limit_bytes: u64,
    /// Memory that connections and their parsers may take in all, in bytes; each shard has an equal part.
    /// Beyond its part a shard gives up connections, the one that holds most first; a `loss` record says so.
    pub memory_limit_bytes: u64,
    /// Size of each ring buffer between the kernel and the agent, in bytes: a power of two.
    pub ring_bytes: u32,
    /// Ring buffers, and threads that read them: a power of two up to 8; 0 chooses by the number
    /// of processors.
    pub shards: u32,
}

impl Default for CaptureConfig {
    fn default() -> Self {
        Self {
            include: Vec::new(),
            exclude: Vec::new(),
            body_limit_bytes: 64 << 10,
            memory_limit_bytes: 256 << 20,
            ring_bytes: 8 << 20,
            shards: 0,
        }
    }
}

impl CaptureConfig {
    /// Filters of the command line take the place of `include`, if there are any.
    pub fn choose(&mut self, chosen: &[CaptureRule]) {
        if !chosen.is_empty() {
            self.include = chosen.to_vec();
        }
    }
}

/// Conditions on a connection; all that are given must hold.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct CaptureRule {
    /// Local or remote TCP port.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// Process id in the initial namespace.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pid: Option<u32>,
    /// Absolute path of the executable.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub executable: Option<String>,
    /// User the process runs as: a name or a number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<User>,
    /// Control group (v2) below `/sys/fs/cgroup`, with everything under it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cgroup: Option<String>,
    /// Container, by name or id. Not available in this version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub container: Option<String>,
    /// Kubernetes namespace. Not available in this version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
}

/// A user by name or number.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum User {
    /// User id.
    Id(u32),
    /// Name in the host's user database.
    Name(String),
}

impl Serialize for User {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Id(id) => serializer.serialize_u32(*id),
            Self::Name(name) => serializer.serialize_str(name),
        }
    }
}

impl<'de> Deserialize<'de> for User {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(UserVisitor)
    }
}

struct UserVisitor;

impl serde::de::Visitor<'_> for UserVisitor {
    type Value = User;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a user name or a user id")
    }

    fn visit_i64<E: serde::de::Error>(self, id: i64) -> Result<User, E> {
        u32::try_from(id).map(User::Id).map_err(|_| E::custom(format!("no user id: {id}")))
    }

    fn visit_u64<E: serde::de::Error>(self, id: u64) -> Result<User, E> {
        u32::try_from(id).map(User::Id).map_err(|_| E::custom(format!("no user id: {id}")))
    }

    fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<User, E> {
        // A number in quotes means the same as one without.
        Ok(name.parse().map_or_else(|_| User::Name(name.to_owned()), User::Id))
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for User {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "User".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "description": "A user name or a user id.",
            "type": ["string", "integer"],
            "minimum": 0,
        })
    }
}
