//! Which host this is.
//!
//! In: files of the running system. Out: `Host`.
//! Always: what is absent is `None`. The machine id never leaves the agent as it is: systemd asks to
//! keep it confidential, so records carry `audit::observer::host_id` of it.
//! Not here: that hash, the record's `observer` group (`audit::observer`).

use std::fs;

/// This host at this boot.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Host {
    /// Its name.
    pub name: Option<String>,
    /// `/etc/machine-id`: confidential, see above.
    pub machine_id: Option<String>,
    /// The kernel's id of this boot.
    pub boot_id: Option<String>,
    /// Release of the kernel, as `uname -r` prints it.
    pub kernel: Option<String>,
}

impl Host {
    /// Reads it.
    pub fn read() -> Self {
        Self {
            name: line("/proc/sys/kernel/hostname"),
            machine_id: machine_id(),
            boot_id: line("/proc/sys/kernel/random/boot_id"),
            kernel: line("/proc/sys/kernel/osrelease"),
        }
    }
}

/// machine-id(5); the second place is that of D-Bus on systems without systemd.
fn machine_id() -> Option<String> {
    let found = line("/etc/machine-id").or_else(|| line("/var/lib/dbus/machine-id"))?;
    is_machine_id(&found).then_some(found)
}

/// During the first boot it may be the word `uninitialized`.
fn is_machine_id(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// The only line of a file, `None` if there is none or it is empty.
pub fn line(path: &str) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    let line = text.trim();
    (!line.is_empty()).then(|| line.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_host_has_a_kernel() {
        let host = Host::read();
        assert!(host.kernel.is_some_and(|kernel| kernel.contains('.')));
        assert!(host.boot_id.is_some_and(|id| id.len() == 36));
        assert_eq!(line("/no/such/file"), None);
    }

    #[test]
    fn an_id_that_is_not_made_yet_is_none() {
        assert!(is_machine_id("0123456789abcdef0123456789abcdef"));
        assert!(!is_machine_id("uninitialized"));
    }
}
