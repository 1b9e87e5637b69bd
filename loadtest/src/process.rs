//! What the server costs, read from outside: its processor time, memory and writes from `/proc/PID`, and the disk space
//! under its folder. Linux only; elsewhere these numbers are missing from the report.

use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

use anyhow::Context;

/// A process at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Usage {
    /// Processor time of all its threads in user mode.
    pub(crate) user: Duration,
    /// The same in the kernel.
    pub(crate) system: Duration,
    /// Resident memory in bytes.
    pub(crate) resident: u64,
    /// The most it ever was.
    pub(crate) resident_peak: u64,
    /// Bytes it caused to be written to disks since it began, where the kernel tells us.
    pub(crate) written: Option<u64>,
}

impl Usage {
    /// The sum over several processes; the peak is that of each, whenever it was.
    ///
    /// # Errors
    /// As for one.
    pub(crate) fn of_all(pids: &[u32]) -> anyhow::Result<Self> {
        let mut sum = Self {
            written: Some(0),
            ..Self::default()
        };
        for pid in pids {
            let one = Self::of(&pid.to_string())?;
            sum.user += one.user;
            sum.system += one.system;
            sum.resident += one.resident;
            sum.resident_peak += one.resident_peak;
            sum.written = sum.written.zip(one.written).map(|(a, b)| a + b);
        }
        Ok(sum)
    }

    /// Reads a process by its id; `self` is this one.
    ///
    /// # Errors
    /// There is no such process, or `/proc` has another form than Linux documents.
    pub(crate) fn of(pid: &str) -> anyhow::Result<Self> {
        let read = |name: &str| {
            let path = format!("/proc/{pid}/{name}");
            std::fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))
        };
        let (user, system) = times(&read("stat")?)
            .with_context(|| format!("unexpected form of /proc/{pid}/stat"))?;
        let status = read("status")?;
        let kib = |name| field(&status, name).map(|kib| kib * 1024);
        // Readable only by the owner of the process and root.
        let written = read("io").ok().and_then(|io| field(&io, "write_bytes:"));
        Ok(Self {
            user,
            system,
            resident: kib("VmRSS:").unwrap_or_default(),
            resident_peak: kib("VmHWM:").unwrap_or_default(),
            written,
        })
    }
}

/// Fields 14 and 15 of `/proc/PID/stat` (proc(5)). The name in field 2 may hold anything, also `)`, so count from its end.
fn times(stat: &str) -> Option<(Duration, Duration)> {
    let (_, rest) = stat.rsplit_once(") ")?;
    let mut fields = rest.split(' ').skip(11).map(str::parse::<u64>);
    let mut next = || {
        fields
            .next()?
            .ok()
            .map(|ticks| Duration::from_millis(ticks * TICK_MILLIS))
    };
    Some((next()?, next()?))
}

/// The first number after a name at the beginning of a line.
fn field(text: &str, name: &str) -> Option<u64> {
    text.lines()
        .find_map(|line| line.strip_prefix(name))?
        .split_whitespace()
        .next()?
        .parse()
        .ok()
}

/// The disk space that all files under a folder fill, in bytes: not what is reserved beyond a file's end (RocksDB reserves
/// whole write-ahead logs), nor holes. What vanishes while we look is not counted.
///
/// # Errors
/// The folder itself cannot be read.
pub(crate) fn disk_bytes(dir: &Path) -> anyhow::Result<u64> {
    let mut folders =
        vec![std::fs::read_dir(dir).with_context(|| format!("cannot read {}", dir.display()))?];
    let mut total = 0;
    while let Some(folder) = folders.pop() {
        for entry in folder.flatten() {
            let Ok(metadata) = entry.metadata() else {
                continue;
            };
            total += metadata.len().min(metadata.blocks() * BLOCK);
            if metadata.is_dir() {
                folders.extend(std::fs::read_dir(entry.path()));
            }
        }
    }
    Ok(total)
}

/// Linux counts processor time for user space in hundredths of a second (`USER_HZ`) on every architecture we build for.
const TICK_MILLIS: u64 = 10;

/// The unit of `st_blocks`, whatever the file system's own block size.
const BLOCK: u64 = 512;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_fields_14_and_15_whatever_the_name() {
        let stat = "77 (a ) b) S 1 77 77 0 -1 4194560 500 0 0 0 123 45 6 7 20 0 9 0 100 1 2";
        assert_eq!(
            times(stat),
            Some((Duration::from_millis(1230), Duration::from_millis(450)))
        );
        assert_eq!(times("77 (a) S 1"), None);
    }

    #[test]
    fn this_process_has_memory_and_an_unknown_one_is_an_error() {
        let usage = Usage::of("self").unwrap();
        assert!(
            usage.resident > 0 && usage.resident_peak >= usage.resident,
            "{usage:?}"
        );
        let error = Usage::of("0").unwrap_err().to_string();
        assert!(error.contains("/proc/0/stat"), "{error}");
    }

    #[test]
    fn several_processes_are_added_up_and_all_must_be_there() {
        let own = std::process::id();
        let sum = Usage::of_all(&[own, own]).unwrap();
        let one = Usage::of("self").unwrap();
        assert!(sum.resident_peak > one.resident_peak, "{sum:?} {one:?}");
        assert!(Usage::of_all(&[own, 0]).is_err());
    }

    #[test]
    fn disk_bytes_follow_folders_and_skip_holes() {
        let dir = tempfile::tempdir().unwrap();
        let empty = disk_bytes(dir.path()).unwrap();
        std::fs::create_dir(dir.path().join("sub")).unwrap();
        std::fs::write(dir.path().join("sub/file"), vec![1; 100_000]).unwrap();
        let hole = std::fs::File::create(dir.path().join("hole")).unwrap();
        hole.set_len(1 << 30).unwrap();
        let full = disk_bytes(dir.path()).unwrap();
        assert!(
            (empty + 100_000..empty + 200_000).contains(&full),
            "{empty} {full}"
        );
        assert!(disk_bytes(&dir.path().join("missing")).is_err());
    }
}
