//! What this machine is: distribution, kernel, and what keeps the agent from watching it.
//!
//! In: files under a root folder, `/` outside tests. Out: [`Host`] and its [`Obstacle`]s. Not here:
//! privileges (`privilege`), and the full list of what can be captured (`earwitness doctor`).

use std::fmt;
use std::fs;
use std::path::Path;

/// A machine as its files describe it.
pub struct Host {
    /// As in `Debian GNU/Linux 12 (bookworm)`.
    pub distribution: String,
    /// The kernel's release, as in `6.18.44-cloud`.
    pub kernel: String,
    /// Whether the kernel describes its own types.
    pub btf: bool,
    /// Whether packages come by apt.
    pub apt: bool,
}

/// Something that keeps the agent from watching this machine, and what to do about it.
#[derive(Debug, PartialEq, Eq)]
pub struct Obstacle {
    what: String,
    hint: &'static str,
}

impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\nhint: {}", self.what, self.hint)
    }
}

impl Host {
    /// This machine.
    pub fn here() -> Self {
        Self::under(Path::new("/"))
    }

    fn under(root: &Path) -> Self {
        let read = |name: &str| fs::read_to_string(root.join(name)).unwrap_or_default();
        let release = read("etc/os-release");
        Self {
            distribution: field(&release, "PRETTY_NAME")
                .unwrap_or("an unknown distribution")
                .into(),
            kernel: read("proc/sys/kernel/osrelease").trim().into(),
            btf: root.join("sys/kernel/btf/vmlinux").exists(),
            apt: root.join("usr/bin/apt-get").exists() && root.join("usr/bin/dpkg-query").exists(),
        }
    }

    /// One line for the log.
    pub fn describe(&self) -> String {
        let btf = if self.btf { "with BTF" } else { "without BTF" };
        format!("{}, kernel {} {btf}", self.distribution, self.kernel)
    }

    /// What keeps the agent from loading its programs here; building needs none of it.
    pub fn obstacles(&self) -> Vec<Obstacle> {
        let mut obstacles = Vec::new();
        if version(&self.kernel).is_some_and(|version| version < OLDEST_KERNEL) {
            let (major, minor) = OLDEST_KERNEL;
            obstacles.push(Obstacle {
                what: format!("kernel {} is older than {major}.{minor}", self.kernel),
                hint: "boot a newer kernel, or try one with `cargo xtask vm 6.1`",
            });
        }
        if !self.btf {
            obstacles.push(Obstacle {
                what: "this kernel does not describe its types: /sys/kernel/btf/vmlinux is absent"
                    .into(),
                hint: "boot a kernel built with CONFIG_DEBUG_INFO_BTF=y, and mount sysfs at /sys",
            });
        }
        obstacles
    }
}

/// The value of one key of an os-release file, without its quotes.
fn field<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    let value = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='))?;
    Some(value.trim_matches('"'))
}

/// The first two numbers of a kernel's release.
fn version(release: &str) -> Option<(u32, u32)> {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit());
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

/// The first kernel that has all the base programs call.
const OLDEST_KERNEL: (u32, u32) = (5, 17);

#[cfg(test)]
mod tests {
    use super::{Host, field, version};

    fn host(kernel: &str, btf: bool) -> Host {
        Host { distribution: "Debian".into(), kernel: kernel.into(), btf, apt: true }
    }

    #[test]
    fn an_ordinary_machine_has_no_obstacle() {
        assert_eq!(host("6.1.0-56-cloud-amd64", true).obstacles(), []);
        assert_eq!(host("5.17.0", true).obstacles(), []);
    }

    #[test]
    fn each_obstacle_is_named_with_its_remedy() {
        let found = host("5.10.0-32-amd64", false).obstacles();
        let text: Vec<_> = found.iter().map(ToString::to_string).collect();
        assert_eq!(text.len(), 2);
        assert!(text[0].contains("5.10.0-32-amd64 is older than 5.17"), "{}", text[0]);
        assert!(text[1].contains("hint: boot a kernel"), "{}", text[1]);
    }

    #[test]
    fn files_are_read_leniently() {
        let release = "PRETTY_NAME=\"Debian GNU/Linux 12\"\nVERSION_CODENAME=bookworm\n";
        assert_eq!(field(release, "VERSION_CODENAME"), Some("bookworm"));
        assert_eq!(field(release, "PRETTY_NAME"), Some("Debian GNU/Linux 12"));
        assert_eq!(field(release, "NAME"), None);
        assert_eq!(version("6.18.44-fc"), Some((6, 18)));
        assert_eq!(version(""), None);
    }
}
