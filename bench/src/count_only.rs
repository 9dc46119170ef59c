//! A contender: probes on the TLS functions that the server calls, which count and do nothing else.
//!
//! In: a process that runs `SSL_read` and `SSL_write`. Out: probes on both in every process that
//! runs the same file, at the return of `SSL_read` as well, and how often they were hit. Either on the
//! functions by their names, as any tool has them, or where the agent has its own.
//! Always: attached as the agent attaches its own on this kernel, so that the difference to the agent
//! is what the agent's programs do; whoever calls is delayed, no other is.

use std::fs::File;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

use anyhow::{Context as _, Result};
use aya::maps::{Map, MapData, PerCpuArray};
use aya_obj::Function as Code;
use aya_obj::btf::{Btf, BtfType, Int, IntEncoding};
use aya_obj::generated::{bpf_insn, bpf_map_type};
use earwitness::discover::binary::{self, Function, Point};
use earwitness::discover::{ProcFs, maps};
use earwitness::kernel::bpf::{
    self, LoadError, TRACE_UPROBE_SESSION, UprobePmu, attach_multi, attach_perf, load_program,
};
use object::read::elf::{ElfFile64, ElfSegment64, ElfSymbol64};
use object::{Endianness, Object as _, ObjectSegment as _, ObjectSymbol as _, SectionIndex};

/// Where the probes go.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum At {
    /// On the functions that programs call.
    Names,
    /// Where the agent's are, which may be a cheaper place inside.
    AgentPlaces,
}

/// Probes that are attached until this is dropped.
pub struct CountOnly {
    hits: PerCpuArray<MapData, u64>,
    _links: Vec<OwnedFd>,
}

impl CountOnly {
    /// Attaches to the library of a process.
    pub fn attach(pid: u32, at: At) -> Result<Self> {
        let hits = MapData::create(map(), "hits", None).context("making a map")?;
        let counter = Counter::new(hits.fd().as_fd().as_raw_fd())?;
        let place = Place::of(pid, at)?;
        let links = match counter.load(FOLLOW, TRACE_UPROBE_SESSION) {
            Ok(reading) => place.sessions(&reading, &counter.load(LEAVE, TRACE_UPROBE_SESSION)?)?,
            // Before Linux 6.13.
            Err(_) => place.events(&counter.load(FOLLOW, NO_ATTACH_TYPE)?)?,
        };
        Ok(Self { hits: PerCpuArray::try_from(Map::PerCpuArray(hits))?, _links: links })
    }

    /// How often they were hit so far. A program that was preempted by another may have missed one.
    pub fn hits(&self) -> Result<u64> {
        Ok(self.hits.get(&0, 0).context("reading a map")?.iter().sum())
    }
}

/// Two places in a file.
struct Place {
    file: File,
    read: u64,
    write: u64,
}

impl Place {
    /// In what the process runs.
    fn of(pid: u32, at: At) -> Result<Self> {
        let proc_fs = ProcFs::host();
        let files = maps::executable(&proc_fs, pid);
        let mut files = files.iter().filter_map(|mapped| maps::open(&proc_fs, pid, mapped));
        let found = files.find_map(|file| {
            let points = binary::examine(&file).found?.points;
            let read = offset(&points, [Function::SslRead, Function::SslReadEx])?;
            let write = offset(&points, [Function::SslWrite, Function::SslWriteEx])?;
            let (read, write) = match at {
                At::AgentPlaces => (read, write),
                At::Names => (named(&file, "SSL_read")?, named(&file, "SSL_write")?),
            };
            Some(Self { file, read, write })
        });
        found.with_context(|| format!("process {pid} runs no SSL_read"))
    }

    fn sessions(&self, reading: &OwnedFd, writing: &OwnedFd) -> Result<Vec<OwnedFd>> {
        let attach = |program: &OwnedFd, offset| {
            let points = [(offset, NO_COOKIE)];
            attach_multi(
                program.as_fd(),
                TRACE_UPROBE_SESSION,
                &own_path(&self.file),
                &points,
                None,
            )
        };
        let links = [attach(reading, self.read), attach(writing, self.write)];
        links.into_iter().collect::<std::io::Result<_>>().context("attaching")
    }

    fn events(&self, program: &OwnedFd) -> Result<Vec<OwnedFd>> {
        let pmu = UprobePmu::read().context("this kernel has no uprobes")?;
        let attach = |(offset, on_return)| {
            let event = pmu.open(&own_path(&self.file), offset, on_return, None)?;
            attach_perf(program.as_fd(), event.as_fd(), NO_COOKIE)
        };
        let places = [(self.read, false), (self.read, true), (self.write, false)];
        places.map(attach).into_iter().collect::<std::io::Result<_>>().context("attaching")
    }
}

/// A name by which an open file can be opened again.
fn own_path(file: &File) -> String {
    format!("/proc/self/fd/{}", file.as_raw_fd())
}

/// Where the file says that its function begins.
fn named(file: &File, name: &str) -> Option<u64> {
    let bytes = std::fs::read(own_path(file)).ok()?;
    let elf = ElfFile64::<Endianness>::parse(bytes.as_slice()).ok()?;
    let is_it = |symbol: &ElfSymbol64<'_, '_>| symbol.is_definition() && symbol.name() == Ok(name);
    let address = elf.dynamic_symbols().chain(elf.symbols()).find(is_it)?.address();
    let offset = |segment: ElfSegment64<'_, '_>| {
        let (at, size) = segment.file_range();
        let inside = address.checked_sub(segment.address())?;
        (inside < size).then_some(at + inside)
    };
    elf.segments().find_map(offset)
}

/// Of the first of the functions that is there. What `SSL_read` and `SSL_read_ex` share may be given
/// instead of both, as the latter.
fn offset(points: &[Point], functions: [Function; 2]) -> Option<u64> {
    let of = |function| points.iter().find(|point| point.function == function);
    functions.into_iter().find_map(of).map(|point| point.offset)
}

/// The program.
struct Counter {
    btf: OwnedFd,
    map: i32,
}

impl Counter {
    fn new(map: i32) -> Result<Self> {
        let mut btf = Btf::new();
        // The kernel takes no empty one.
        let name = btf.add_string("hits");
        btf.add_type(BtfType::Int(Int::new(name, 8, IntEncoding::None, 0)));
        let btf = bpf::load_btf(&btf.to_bytes()).context("loading types")?;
        Ok(Self { btf, map })
    }

    /// `answer`: what it tells the kernel about the return of the function.
    fn load(&self, answer: i32, attach_type: u32) -> Result<OwnedFd, LoadError> {
        load_program("count_only", &self.code(answer), self.btf.as_fd(), attach_type)
    }

    fn code(&self, answer: i32) -> Code {
        Code {
            address: 0,
            name: String::from("count_only"),
            section_index: SectionIndex(0),
            section_offset: 0,
            instructions: self.instructions(answer),
            func_info: aya_obj::btf::FuncSecInfo::default(),
            line_info: aya_obj::btf::LineSecInfo::default(),
            func_info_rec_size: 0,
            line_info_rec_size: 0,
        }
    }

    fn instructions(&self, answer: i32) -> Vec<bpf_insn> {
        vec![
            // *(u32 *)(r10 - 4) = 0
            instruction(0x62, 10, 0, -4, 0),
            // r2 = r10 - 4
            instruction(0xbf, 2, 10, 0, 0),
            instruction(0x07, 2, 0, 0, -4),
            // r1 = map
            instruction(0x18, 1, 1, 0, self.map),
            instruction(0, 0, 0, 0, 0),
            // r0 = bpf_map_lookup_elem(r1, r2)
            instruction(0x85, 0, 0, 0, 1),
            // if r0 != 0: *(u64 *)r0 += 1
            instruction(0x15, 0, 0, 3, 0),
            instruction(0x79, 1, 0, 0, 0),
            instruction(0x07, 1, 0, 0, 1),
            instruction(0x7b, 0, 1, 0, 0),
            // return answer
            instruction(0xb7, 0, 0, 0, answer),
            instruction(0x95, 0, 0, 0, 0),
        ]
    }
}

fn instruction(code: u8, to: u8, from: u8, off: i16, imm: i32) -> bpf_insn {
    let _bitfield_1 = bpf_insn::new_bitfield_1(to, from);
    bpf_insn { code, _bitfield_align_1: [], _bitfield_1, off, imm }
}

/// One number for each processor.
fn map() -> aya_obj::Map {
    let kind = bpf_map_type::BPF_MAP_TYPE_PERCPU_ARRAY as u32;
    aya_obj::Map::new_from_params(kind, 4, 8, 1, 0)
}

/// The return is trapped too.
const FOLLOW: i32 = 0;
/// It is not.
const LEAVE: i32 = 1;
const NO_ATTACH_TYPE: u32 = 0;
const NO_COOKIE: u64 = 0;
