//! Where the fields lie that the kernel side reads, in the kernel that is running.
//!
//! In: looked up in the running kernel's BTF by the loader (`earwitness::kernel::offsets`).
//! Out: read-only data of the object, so the verifier sees constants.
//! Always: offsets in bytes from the start of the named structure; a missing member stops the loader.
//! Not here: the look-up. Registers are those of x86-64; another architecture names its own here.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Stands in the object for a call of the kernel function `bpf_rdonly_cast`, whose number only the
/// running kernel's BTF tells: the loader puts that in.
pub const RDONLY_CAST: i32 = 0x0ea7_ca57;
/// The same for `bpf_session_is_return`.
pub const SESSION_IS_RETURN: i32 = 0x0ea7_5e55;

macro_rules! offsets {
    ($($(#[$doc:meta])* $field:ident = $structure:literal . $member:literal,)*) => {
        /// Offsets in bytes.
        #[repr(C)]
        #[derive(Clone, Copy, Debug, Default, FromBytes, Immutable, IntoBytes, KnownLayout)]
        pub struct Offsets {
            $($(#[$doc])* pub $field: u32,)*
        }

        impl Offsets {
            /// Structure and member path (dots go into embedded structures and unions) of every
            /// field, in order.
            pub const SOURCES: &'static [(&'static str, &'static str)] =
                &[$(($structure, $member),)*];
        }
    };
}

offsets! {
    /// Number of the system call.
    regs_nr = "pt_regs"."orig_ax",
    /// First argument.
    regs_arg0 = "pt_regs"."di",
    /// Second argument.
    regs_arg1 = "pt_regs"."si",
    /// Third argument.
    regs_arg2 = "pt_regs"."dx",
    /// Fourth argument.
    regs_arg3 = "pt_regs"."r10",
    /// Fifth argument.
    regs_arg4 = "pt_regs"."r8",
    /// Stack pointer.
    regs_sp = "pt_regs"."sp",
    /// Where Go keeps the goroutine.
    regs_goroutine = "pt_regs"."r14",
    /// Holds `TS_COMPAT` during a 32-bit system call.
    task_status = "task_struct"."thread_info.status",
    /// `struct files_struct *`
    task_files = "task_struct"."files",
    /// `struct mm_struct *`
    task_mm = "task_struct"."mm",
    /// `struct cred *` that the task acts under.
    task_cred = "task_struct"."cred",
    /// The real user id, as `bpf_get_current_uid_gid` gives it.
    cred_uid = "cred"."uid.val",
    /// Thread id.
    task_pid = "task_struct"."pid",
    /// Process id.
    task_tgid = "task_struct"."tgid",
    /// `struct signal_struct *`
    task_signal = "task_struct"."signal",
    /// Number of live threads.
    signal_live = "signal_struct"."live",
    /// `struct file *` of the executable.
    mm_exe_file = "mm_struct"."exe_file",
    /// `struct fdtable *`
    files_fdt = "files_struct"."fdt",
    /// `struct file **`
    fdt_fd = "fdtable"."fd",
    /// Entries in `fd`.
    fdt_max_fds = "fdtable"."max_fds",
    /// `struct file_operations *`
    file_f_op = "file"."f_op",
    /// `struct socket *` of a socket's file.
    file_private_data = "file"."private_data",
    /// `struct inode *`
    file_f_inode = "file"."f_inode",
    /// File type and permissions.
    inode_mode = "inode"."i_mode",
    /// Inode number.
    inode_ino = "inode"."i_ino",
    /// Another one for each file that has had the number.
    inode_generation = "inode"."i_generation",
    /// `struct super_block *`
    inode_sb = "inode"."i_sb",
    /// Device number, kernel encoding.
    sb_dev = "super_block"."s_dev",
    /// `SOCK_STREAM` and the like.
    socket_type = "socket"."type",
    /// `struct sock *`
    socket_sk = "socket"."sk",
    /// `struct socket *`, null once the owner has closed.
    sock_socket = "sock"."sk_socket",
    /// IP protocol.
    sock_protocol = "sock"."sk_protocol",
    /// Address family.
    skc_family = "sock_common"."skc_family",
    /// TCP state.
    skc_state = "sock_common"."skc_state",
    /// Peer's IPv4 address.
    skc_daddr = "sock_common"."skc_daddr",
    /// Own IPv4 address.
    skc_rcv_saddr = "sock_common"."skc_rcv_saddr",
    /// Peer's port, network byte order.
    skc_dport = "sock_common"."skc_dport",
    /// Own port, host byte order.
    skc_num = "sock_common"."skc_num",
    /// Peer's IPv6 address.
    skc_v6_daddr = "sock_common"."skc_v6_daddr",
    /// Own IPv6 address.
    skc_v6_rcv_saddr = "sock_common"."skc_v6_rcv_saddr",
    /// `struct net *`
    skc_net = "sock_common"."skc_net",
    /// Inode number of the network namespace.
    net_inum = "net"."ns.inum",
    /// `struct unix_address *`
    unix_addr = "unix_sock"."addr",
    /// `struct sock *` of the other end.
    unix_peer = "unix_sock"."peer",
    /// Length of `name`.
    unix_address_len = "unix_address"."len",
    /// `struct sockaddr_un`
    unix_address_name = "unix_address"."name",
    /// Path as given to `execve`.
    bprm_filename = "linux_binprm"."filename",
}

const _: () = assert!(size_of::<Offsets>() == Offsets::SOURCES.len() * 4);
