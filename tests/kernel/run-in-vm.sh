#!/bin/bash
# Runs one command under another kernel, in an emulated machine, and passes its exit code back.
#
# run-in-vm.sh [-d VM_DIR] [-m MIB] [-c PROCESSORS] [-t SECONDS] [-e NAME=VALUE]... [-v] VERSION COMMAND...
#
#   -d  where get-kernel.sh put the kernels; -v  show the kernel's own messages at the end
#
# The guest's root is this machine's, read-only, under a layer in memory: every program and library is
# there at its own path, and nothing that the guest writes reaches this machine. The command runs as
# root with this folder and PATH. There is a loopback interface and no other. Needs root, for the
# daemon that shares the files. Emulation is some twenty times slower than this machine, and boots in
# five to ten seconds; KVM is not asked for, since it often is not there inside another machine.
#
# Exit codes: the command's; 2 usage; 124 the time was up; 125 the guest gave none (its console is shown).
set -uo pipefail

VM_DIR=${VM_DIR:-${TMPDIR:-/tmp}/earwitness-vm}
PATH=$PATH:/usr/sbin:/sbin
memory_mib=2048 processors=1 limit_seconds=300 verbose='' variables=()
while getopts d:m:c:t:e:v option; do
  case $option in
    d) VM_DIR=$OPTARG ;;
    m) memory_mib=$OPTARG ;;
    c) processors=$OPTARG ;;
    t) limit_seconds=$OPTARG ;;
    e) variables+=("$OPTARG") ;;
    v) verbose=1 ;;
    *) exit 2 ;;
  esac
done
shift $((OPTIND - 1))
[ $# -ge 2 ] || { echo "usage: run-in-vm.sh [OPTIONS] VERSION COMMAND..." >&2; exit 2; }
version=$1
shift
kernel=$VM_DIR/kernel/$version
[ -s "$kernel/vmlinux" ] || { echo "no $kernel/vmlinux: run get-kernel.sh $version" >&2; exit 2; }

work=$(mktemp -d -t earwitness-vm.XXXXXX)
daemon=
trap 'if [ -n "$daemon" ]; then kill "$daemon" 2> /dev/null; fi; rm -rf "$work"' EXIT
trap 'exit 130' HUP INT TERM

# What the kernel needs before it has a root: a static shell, the modules for the shared folder and the
# console in the order they depend on each other, and the command.
initial=$work/initial
mkdir -p "$initial"/{bin,proc,sys,dev,modules,lower,upper,root}
cp "$(command -v busybox)" "$initial/bin/busybox"
ln -s busybox "$initial/bin/sh"

add_module() {
  local file name
  modprobe -d "$kernel" -S "$version" --show-depends "$1" 2> /dev/null |
    awk '$1 == "insmod" { print $2 }' | while read -r file; do
    name=$(basename "$file")
    grep -qx "${name%.xz}" "$initial/modules/list" && continue
    case $file in
      *.xz) xz -dc "$file" > "$initial/modules/${name%.xz}" ;;
      *) cp "$file" "$initial/modules/$name" ;;
    esac
    echo "${name%.xz}" >> "$initial/modules/list"
  done
}
touch "$initial/modules/list"
for module in virtio_pci virtio_console virtiofs overlay; do add_module $module; done

{
  echo "export HOME=/root TERM=dumb LANG=C.UTF-8"
  printf 'export PATH=%q\n' "$PATH"
  for variable in "${variables[@]}"; do printf 'export %q\n' "$variable"; done
  printf 'cd %q || exit 125\n' "$PWD"
  printf '%q ' "$@"
  echo
} > "$initial/command"

cat > "$initial/init" << 'INIT'
#!/bin/sh
export PATH=/bin
/bin/busybox --install -s /bin
give_up() { echo "$1" > /dev/ttyS0; poweroff -f; }
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
while read -r module; do
  insmod "/modules/$module" || echo "insmod $module failed" > /dev/ttyS0
done < /modules/list
mount -t virtiofs -o ro host /lower || give_up "the shared folder cannot be mounted"
mount -t tmpfs -o size=75% tmpfs /upper
mkdir /upper/files /upper/work
mount -t overlay -o lowerdir=/lower,upperdir=/upper/files,workdir=/upper/work overlay /root ||
  give_up "the layer over the shared folder cannot be mounted"

root=/root
mkdir -p $root/proc $root/sys $root/dev $root/run $root/tmp
mount -t proc proc $root/proc
mount -t sysfs sysfs $root/sys
mount -t devtmpfs devtmpfs $root/dev
mount -t tmpfs tmpfs $root/run
mkdir -p $root/dev/pts $root/dev/shm
mount -t devpts -o ptmxmode=666 devpts $root/dev/pts
mount -t tmpfs tmpfs $root/dev/shm
mount -t tracefs tracefs $root/sys/kernel/tracing
mount -t debugfs debugfs $root/sys/kernel/debug
mount -t bpf bpf $root/sys/fs/bpf
mount -t cgroup2 cgroup2 $root/sys/fs/cgroup
mount -t securityfs securityfs $root/sys/kernel/security 2> /dev/null
mkdir -p "$root/lib/modules/@VERSION@"
mount --bind "$root@KERNEL@/lib/modules/@VERSION@" "$root/lib/modules/@VERSION@"
ip link set lo up
hostname vm

cp /command $root/run/command
stty -F /dev/hvc0 -opost 2> /dev/null
# On top of everything, so that paths begin here in every mount namespace.
cd $root
mount --move . / || give_up "the root cannot be put in place"
chroot . /bin/bash /run/command < /dev/null > /dev/hvc0 2>&1
code=$?
sleep 0.1
for port in /sys/class/virtio-ports/*; do
  if [ "$(cat "$port/name" 2> /dev/null)" = code ]; then echo $code > "/dev/$(basename "$port")"; fi
done
sync
poweroff -f
INIT
sed -i "s|@VERSION@|$version|g; s|@KERNEL@|$(realpath "$kernel")|g" "$initial/init"
chmod +x "$initial/init"
(cd "$initial" && find . | cpio -o -H newc --quiet | gzip -1) > "$work/initrd"

# The daemon that shares this machine's files: Debian 12 has it beside QEMU, later ones apart.
for program in /usr/libexec/virtiofsd /usr/lib/qemu/virtiofsd; do
  if [ -x $program ]; then break; fi
done
$program --socket-path="$work/host.sock" -o source=/ -o cache=always -o sandbox=chroot \
  -o no_posix_lock -f > "$work/host.log" 2>&1 &
daemon=$!
for _ in $(seq 100); do
  if [ -S "$work/host.sock" ]; then break; fi
  sleep 0.05
done

quiet=$(if [ -z "$verbose" ]; then echo quiet; fi)
timeout -k 5 "$limit_seconds" qemu-system-x86_64 \
  -machine q35,memory-backend=memory -accel tcg,thread=multi -cpu max \
  -smp "$processors" -m "$memory_mib" \
  -object "memory-backend-memfd,id=memory,size=${memory_mib}M,share=on" \
  -nodefaults -display none -no-reboot -serial "file:$work/console" \
  -device virtio-serial-pci -chardev stdio,id=out,signal=off -device virtconsole,chardev=out \
  -chardev "file,id=code,path=$work/code" -device virtserialport,chardev=code,name=code \
  -chardev "socket,id=host,path=$work/host.sock" -device vhost-user-fs-pci,chardev=host,tag=host \
  -kernel "$kernel/vmlinux" -initrd "$work/initrd" \
  -append "console=ttyS0 panic=-1 $quiet" < /dev/null 2> "$work/qemu.log"
ended=$?

if [ -n "$verbose" ]; then tr -d '\r' < "$work/console" >&2; fi
if [ -s "$work/code" ]; then exit "$(tr -dc 0-9 < "$work/code")"; fi
{
  echo "--- the guest gave no exit code; qemu ended with $ended"
  cat "$work/qemu.log"
  tail -n 5 "$work/host.log"
  tr -d '\r' < "$work/console" | tail -n 40
} >&2
if [ $ended = 124 ]; then exit 124; fi
exit 125
