//! What the figures were measured on, and when.

use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

use earwitness::model::time::format_rfc3339;
use serde::Serialize;

/// This machine, now.
#[derive(Serialize)]
pub struct Machine {
    time: String,
    kernel: String,
    processor: String,
    cores: usize,
    /// Mean number of tasks that wanted a core in the last minute. Ours have not begun: whatever
    /// it is above 0 will share the cores with what is measured.
    load: f64,
}

impl Machine {
    /// Looks.
    pub fn here() -> Self {
        let read = |path| fs::read_to_string(path).unwrap_or_default();
        let model =
            |line: &str| Some(line.strip_prefix("model name")?.split_once(": ")?.1.to_owned());
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let load = read("/proc/loadavg").split(' ').next().and_then(|word| word.parse().ok());
        Self {
            time: format_rfc3339(i64::try_from(since_epoch.as_nanos()).unwrap_or(0)),
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
            processor: read("/proc/cpuinfo").lines().find_map(model).unwrap_or_default(),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            load: load.unwrap_or(0.0),
        }
    }

    /// In a line.
    pub fn line(&self) -> String {
        let Self { time, kernel, processor, cores, load } = self;
        format!("{time}, Linux {kernel}, {cores} cores of {processor}, load {load:.2} before")
    }

    /// Whether something else is at work here.
    pub fn is_busy(&self) -> bool {
        self.load > QUIET_LOAD
    }
}

const QUIET_LOAD: f64 = 0.5;
