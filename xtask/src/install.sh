#!/bin/sh
# Installs Debian packages as root without starting or enabling the servers among them.
# Arguments: package names. A policy file, the way that Debian provides for it, keeps the packages'
# own scripts from starting anything; it is removed at the end, whatever happens.
set -eu
export DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  trap 'rm -f "$policy"' EXIT
  trap 'exit 130' HUP INT TERM
  printf '#!/bin/sh\nexit 101\n' > "$policy"
  chmod 755 "$policy"
fi
apt-get install -y -qq --no-install-recommends \
  -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 "$@" >&2
# The tests start their own servers, on ports of their own.
if [ -d /run/systemd/system ]; then
  for package in "$@"; do
    case $package in nginx*) systemctl disable --quiet nginx.service || true ;; esac
  done
fi
