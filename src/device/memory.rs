//! Free memory as reported by Linux: in the machine, and in the containers (control groups) of this process.

use std::path::{Path, PathBuf};

/// Bytes that this process may still allocate; `root` ("/") is the directory of the system's files. None if the system does not report it.
pub fn available(root: &Path) -> Option<u64> {
    let groups = groups(root).into_iter().flat_map(|group| group.free());
    machine(root).into_iter().chain(groups).min()
}

/// "MemAvailable:   123456 kB".
fn machine(root: &Path) -> Option<u64> {
    let report = std::fs::read_to_string(root.join("proc/meminfo")).ok()?;
    let line = report.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    Some(line.split_whitespace().next()?.parse::<u64>().ok()? * 1024)
}

/// A control group that this process is in, of either version.
struct Group {
    /// Where the hierarchy is mounted.
    mount: PathBuf,
    /// The group's directory in it, or below it.
    directory: PathBuf,
    /// Names of the files that hold the limit, the memory in use, and the part of it that is file pages that can be dropped.
    files: [&'static str; 3],
}

const VERSION_2: [&str; 3] = ["memory.max", "memory.current", "inactive_file "];
const VERSION_1: [&str; 3] = ["memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file "];

impl Group {
    /// Bytes that the group and its ancestors leave free.
    fn free(&self) -> Vec<u64> {
        let [limit, used, reclaimable] = self.files;
        let number = |path: PathBuf| std::fs::read_to_string(path).ok()?.trim().parse::<u64>().ok();
        let free = |directory: &Path| {
            // "max" where there is no limit.
            let limit = number(directory.join(limit))?;
            let used = number(directory.join(used)).unwrap_or(0);
            let statistics = std::fs::read_to_string(directory.join("memory.stat")).unwrap_or_default();
            let reclaimable = statistics.lines().find_map(|line| line.strip_prefix(reclaimable)?.trim().parse::<u64>().ok()).unwrap_or(0);
            Some(limit.saturating_sub(used.saturating_sub(reclaimable)))
        };
        self.directory.ancestors().take_while(|directory| directory.starts_with(&self.mount)).filter_map(free).collect()
    }
}

/// The control groups that limit this process's memory.
fn groups(root: &Path) -> Vec<Group> {
    let read = |name: &str| std::fs::read_to_string(root.join("proc/self").join(name)).unwrap_or_default();
    let (memberships, mounts) = (read("cgroup"), read("mountinfo"));
    // "4:memory:/some/group" in version 1, "0::/some/group" in version 2.
    let found = memberships.lines().filter_map(|line| {
        let mut parts = line.splitn(3, ':');
        let (_, controllers, path) = (parts.next()?, parts.next()?, parts.next()?);
        let files = match controllers {
            "" => VERSION_2,
            some if some.split(',').any(|controller| controller == "memory") => VERSION_1,
            _ => return None,
        };
        let (inside, mount) = mount(&mounts, files == VERSION_2).unwrap_or_else(|| {
            let usual = if files == VERSION_2 { "/sys/fs/cgroup" } else { "/sys/fs/cgroup/memory" };
            ("/".into(), usual.into())
        });
        let mount = root.join(mount.trim_start_matches('/'));
        // A container often sees its own group as the root, while the path is the host's: then the mount itself is the group.
        let path = Path::new(path).strip_prefix(&inside).unwrap_or(Path::new(path.trim_start_matches('/')));
        let outside = path.components().any(|part| part == std::path::Component::ParentDir);
        let directory = if outside { mount.clone() } else { mount.join(path) };
        Some(Group { mount, directory, files })
    });
    found.collect()
}

/// The group that the hierarchy of a version is mounted from, and its mount point, from /proc/self/mountinfo:
/// `36 25 0:31 /inside /mount/point rw,relatime shared:9 - cgroup2 cgroup2 rw`.
fn mount(mounts: &str, version_2: bool) -> Option<(String, String)> {
    mounts.lines().find_map(|line| {
        let (own, system) = line.split_once(" - ")?;
        let (mut own, mut system) = (own.split(' ').skip(3), system.split(' '));
        let (inside, point, kind, options) = (own.next()?, own.next()?, system.next()?, system.nth(1)?);
        let wanted = if version_2 { kind == "cgroup2" } else { kind == "cgroup" && options.split(',').any(|option| option == "memory") };
        wanted.then(|| (inside.into(), point.into()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    /// Free bytes according to a tree of files.
    fn of(files: &[(&str, &str)]) -> Option<u64> {
        let root = tempfile::tempdir().expect("a temporary directory");
        for (name, text) in files {
            let path = root.path().join(name);
            std::fs::create_dir_all(path.parent().expect("a directory")).expect("a directory");
            std::fs::write(path, text).expect("a file");
        }
        available(root.path()).map(|bytes| bytes / MIB)
    }

    const MACHINE: (&str, &str) = ("proc/meminfo", "MemTotal:  16777216 kB\nMemAvailable:    8388608 kB\n");

    #[test]
    fn without_containers_the_machine_decides() {
        assert_eq!(of(&[MACHINE]), Some(8192));
        assert_eq!(of(&[]), None);
        let unlimited = [MACHINE, ("proc/self/cgroup", "0::/user\n"), ("sys/fs/cgroup/user/memory.max", "max\n"), ("sys/fs/cgroup/user/memory.current", "5\n")];
        assert_eq!(of(&unlimited), Some(8192));
        // Version 1 writes a huge number for no limit.
        let unlimited = [MACHINE, ("proc/self/cgroup", "3:memory:/\n"), ("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n")];
        assert_eq!(of(&unlimited), Some(8192));
        // Malformed files count as missing.
        assert_eq!(of(&[MACHINE, ("proc/self/cgroup", "nonsense\n0:\n\n"), ("proc/self/mountinfo", "x\ny - z\n")]), Some(8192));
    }

    #[test]
    fn the_smallest_limit_on_the_way_to_the_root_decides() {
        let (mib_512, used_100) = ("536870912\n", "104857600\n");
        let mut files = vec![
            MACHINE,
            ("proc/self/cgroup", "0::/slice/unit/job\n"),
            ("sys/fs/cgroup/slice/unit/job/memory.max", "max\n"),
            ("sys/fs/cgroup/slice/unit/job/memory.current", "1\n"),
            ("sys/fs/cgroup/slice/memory.max", mib_512),
            ("sys/fs/cgroup/slice/memory.current", used_100),
        ];
        assert_eq!(of(&files), Some(412));
        // File pages that can be dropped count as free.
        files.push(("sys/fs/cgroup/slice/memory.stat", "anon 1\ninactive_file 52428800\nactive_file 7\n"));
        assert_eq!(of(&files), Some(462));
        files.push(("sys/fs/cgroup/slice/unit/memory.max", "268435456\n"));
        assert_eq!(of(&files), Some(256));
        // More is used than is allowed.
        files.push(("sys/fs/cgroup/slice/unit/memory.current", "268435457\n"));
        assert_eq!(of(&files), Some(0));
    }

    #[test]
    fn a_container_whose_group_is_mounted_as_the_root_is_found() {
        // Docker, version 2, with its own namespace, and without.
        for path in ["/", "/docker/0123abcd", "/../other"] {
            let membership = format!("0::{path}\n");
            let files =
                [MACHINE, ("proc/self/cgroup", membership.as_str()), ("sys/fs/cgroup/memory.max", "1073741824\n"), ("sys/fs/cgroup/memory.current", "0\n")];
            assert_eq!(of(&files), Some(1024), "{path}");
        }
        // Version 1 beside a version 2 that controls nothing.
        let files = [
            MACHINE,
            ("proc/self/cgroup", "12:cpu,cpuacct:/docker/0123\n4:memory:/docker/0123\n0::/system.slice\n"),
            ("sys/fs/cgroup/memory/memory.limit_in_bytes", "1073741824\n"),
            ("sys/fs/cgroup/memory/memory.usage_in_bytes", "536870912\n"),
            ("sys/fs/cgroup/memory/memory.stat", "inactive_file 5\ntotal_inactive_file 268435456\n"),
        ];
        assert_eq!(of(&files), Some(768));
    }

    #[test]
    fn hierarchies_are_looked_for_where_they_are_mounted() {
        let files = [
            MACHINE,
            ("proc/self/cgroup", "0::/pod/container/job\n"),
            ("proc/self/mountinfo", "22 1 0:5 / /sys rw - sysfs sysfs rw\n36 25 0:31 /pod /groups rw,relatime shared:9 - cgroup2 cgroup2 rw\n"),
            ("groups/container/memory.max", "104857600\n"),
            ("groups/container/memory.current", "0\n"),
        ];
        assert_eq!(of(&files), Some(100));
        let files = [
            MACHINE,
            ("proc/self/cgroup", "9:memory:/job\n"),
            ("proc/self/mountinfo", "30 25 0:26 / /cg/cpu rw - cgroup cgroup rw,cpu\n31 25 0:27 / /cg/mem rw - cgroup cgroup rw,memory\n"),
            ("cg/mem/job/memory.limit_in_bytes", "104857600\n"),
        ];
        assert_eq!(of(&files), Some(100));
    }
}
