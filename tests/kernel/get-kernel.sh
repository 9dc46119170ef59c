#!/bin/bash
# Fetches a Debian cloud kernel and unpacks it, without installing anything.
#
# get-kernel.sh SERIES     the newest kernel of a series, as in 5.10, 6.1 or 6.12
# get-kernel.sh VERSION    one kernel, as in 6.1.0-56-cloud-amd64
#
# Prints the kernel's full version. It lies in $VM_DIR/kernel/VERSION, with an uncompressed vmlinux
# that QEMU starts directly. One that was fetched before is used again; remove it for a newer one.
# Packages come from apt's own sources if they have the kernel, else from the Debian release named in
# suite_of, through package lists that are kept in $VM_DIR.
set -euo pipefail

VM_DIR=${VM_DIR:-${TMPDIR:-/tmp}/earwitness-vm}
PATH=$PATH:/usr/sbin:/sbin
here=$(cd "$(dirname "$0")" && pwd)
wanted=${1:?usage: get-kernel.sh SERIES or VERSION}
flavour=cloud-amd64
apt=() # options that point apt at another release

say() { echo "get-kernel: $*" >&2; }

suite_of() {
  case $1 in
    5.10*) echo bullseye ;;
    6.1 | 6.1.*) echo bookworm ;;
    6.12*) echo trixie ;;
    *) say "no Debian release is known to have a kernel $1; known are 5.10, 6.1 and 6.12"; exit 1 ;;
  esac
}

# The newest of the versions on standard input that are of the wanted series.
newest() {
  local series=${wanted//./\\.}
  grep -E "^(${series}|${series}[.][0-9].*-$flavour)\$" | sort -V | tail -n 1
}

fetched() {
  local folder
  for folder in "$VM_DIR"/kernel/*/vmlinux; do
    if [ -s "$folder" ]; then basename "$(dirname "$folder")"; fi
  done | newest || true
}

offered() {
  apt-cache "${apt[@]}" search --names-only "^linux-image-[0-9].*-$flavour\$" |
    cut -d ' ' -f 1 | sed 's/^linux-image-//' | newest || true
}

# Lets apt look into another Debian release, from the same mirror as this machine's own.
use_suite() {
  local suite=$1 state=$VM_DIR/apt-$1 site
  # shellcheck disable=SC2016 # apt puts the site there, not the shell
  site=$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' | grep -m 1 'debian$') || {
    say "no Debian mirror is among apt's sources, so there is nowhere to fetch a kernel from"
    exit 1
  }
  mkdir -p "$state/lists/partial"
  echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $site $suite main" \
    > "$state/sources.list"
  apt=(-o "Dir::Etc::SourceList=$state/sources.list" -o Dir::Etc::SourceParts=/dev/null
    -o "Dir::State::Lists=$state/lists" -o Dir::State::status=/dev/null
    -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache=)
  say "fetching the package lists of $suite"
  apt-get "${apt[@]}" update -qq >&2
}

unpack() {
  local version=$1 folder=$VM_DIR/kernel/$1
  say "fetching linux-image-$version"
  rm -rf "$folder" "$VM_DIR/download"
  mkdir -p "$folder" "$VM_DIR/download"
  # As root, apt warns that its unprivileged user cannot write here; it downloads all the same.
  (cd "$VM_DIR/download" && apt-get "${apt[@]}" download -qq "linux-image-$version" 2> log) || {
    cat "$VM_DIR/download/log" >&2
    exit 1
  }
  dpkg -x "$VM_DIR"/download/linux-image-*.deb "$folder"
  rm -rf "$VM_DIR/download"
  depmod -b "$folder" "$version"
  python3 "$here/extract-vmlinux.py" "$folder/boot/vmlinuz-$version" "$folder/vmlinux"
}

version=$(fetched)
if [ -z "$version" ]; then
  version=$(offered)
  if [ -z "$version" ]; then
    suite=$(suite_of "$wanted")
    use_suite "$suite"
    version=$(offered)
    if [ -z "$version" ]; then
      say "neither apt's own sources nor $suite have a kernel $wanted with $flavour"
      exit 1
    fi
  fi
  unpack "$version"
fi
echo "$version"
