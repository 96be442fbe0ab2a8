"""The first file system of a guest: busybox, the drivers of its root, and two scripts that end in the agent.

The root is this machine's, read-only through virtiofs, under an overlay in the guest's memory: every program is where
it is here, everything can be written, and nothing of it stays.
"""

from __future__ import annotations

import lzma
import stat
from collections.abc import Iterator
from pathlib import Path

from .kernel import Kernel

#: What the root needs, in a kernel that does not have it built in.
_DRIVERS = ("virtio_pci", "virtio_console", "virtiofs", "overlay")
#: Applets of busybox that the scripts use.
_APPLETS = ("sh", "cat", "cp", "ifconfig", "insmod", "ln", "mkdir", "mount", "reboot", "switch_root", "umount")
#: The tag of the file system that virtiofsd serves, and the name of the port that the agent listens to.
ROOT_TAG, PORT = "host", "agent"
#: Kernel parameters that the scripts read, as the shell's variables `vm_NAME`.
PARAMETER = "vm."

_READ_PARAMETERS = r"""
for word in $(cat /proc/cmdline); do
    case $word in vm.*=*) name=${word%%=*}; eval "vm_${name#vm.}=\${word#*=}" ;; esac
done
"""

_FIRST = r"""#!/bin/sh
export PATH=/bin
mount -t devtmpfs none /dev
mount -t proc none /proc
while read -r module; do insmod "/modules/$module"; done </modules/order
READ_PARAMETERS
mkdir /host /memory /new
mount -t virtiofs -o ro host /host
mount -t tmpfs -o size=75% none /memory
mkdir /memory/upper /memory/work
mount -t overlay -o lowerdir=/host,upperdir=/memory/upper,workdir=/memory/work root /new
mount -t tmpfs -o mode=755 none /new/run
cp /bin/busybox /second /new/run
mkdir -p "/new/lib/modules/$vm_release"
mount --bind "/host$vm_modules" "/new/lib/modules/$vm_release"
umount /proc
mount --move /dev /new/dev
exec switch_root /new /run/busybox sh /run/second
"""

_SECOND = r"""
b=/run/busybox
cat() { $b cat "$@"; }
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
$b mount -t proc proc /proc
$b mount -t sysfs sysfs /sys
READ_PARAMETERS
$b mkdir -p /dev/pts /dev/shm
$b mount -t devpts -o mode=620,ptmxmode=666 devpts /dev/pts
$b mount -t tmpfs -o mode=1777 shm /dev/shm
[ -e /dev/fd ] || $b ln -s /proc/self/fd /dev/fd
$b mount -t tracefs tracefs /sys/kernel/tracing
$b mount -t debugfs debugfs /sys/kernel/debug
$b mount -t bpf bpf /sys/fs/bpf
$b mount -t securityfs securityfs /sys/kernel/security
$b mount -t cgroup2 cgroup2 /sys/fs/cgroup
$b ifconfig lo 127.0.0.1 up
for port in /sys/class/virtio-ports/*; do
    [ "$(cat "$port/name")" = agent ] && device=/dev/${port##*/}
done
"$vm_python" -I -S "$vm_agent" "$device"
$b reboot -f
"""


def build(kernel: Kernel, busybox: str) -> bytes:
    """The archive (Documentation/driver-api/early-userspace/buffer-format.rst)."""
    drivers = {path.name.removesuffix(".xz"): module_content(path) for path in _driver_files(kernel)}
    files = [("bin/busybox", 0o755, Path(busybox).read_bytes())]
    files += [(f"modules/{name}", 0o644, content) for name, content in drivers.items()]
    texts = {
        "modules/order": "".join(f"{name}\n" for name in drivers),
        "init": _FIRST.replace("READ_PARAMETERS", _READ_PARAMETERS),
        "second": _SECOND.replace("READ_PARAMETERS", _READ_PARAMETERS),
    }
    files += [(name, 0o755, text.encode()) for name, text in texts.items()]
    entries = [_entry(name, stat.S_IFDIR | 0o755, b"") for name in ("bin", "dev", "proc", "modules")]
    entries += [_entry(name, stat.S_IFREG | mode, content) for name, mode, content in files]
    entries += [_entry(f"bin/{name}", stat.S_IFLNK | 0o777, b"busybox") for name in _APPLETS]
    return b"".join([*entries, _entry("TRAILER!!!", 0, b"")])


def _entry(name: str, mode: int, content: bytes) -> bytes:
    """A file of a 'newc' archive: a header of 13 numbers in 8 hex digits, the name, the content, both padded."""
    encoded = name.encode() + b"\0"
    numbers = (0, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(encoded), 0)
    head = b"070701" + b"".join(b"%08x" % number for number in numbers) + encoded
    return head + bytes(-len(head) % 4) + content + bytes(-len(content) % 4)


def module_content(path: Path) -> bytes:
    """A kernel module, unpacked."""
    content = path.read_bytes()
    return lzma.decompress(content) if path.suffix == ".xz" else content


def _driver_files(kernel: Kernel) -> Iterator[Path]:
    """The files of the drivers, each once and after those that it depends on (modules.dep(5))."""
    needs: dict[str, list[str]] = {}
    for line in (kernel.modules / "modules.dep").read_text().splitlines():
        file, _, depended = line.partition(":")
        needs[Path(file).name.partition(".")[0].replace("-", "_")] = [*reversed(depended.split()), file]
    order = dict.fromkeys(file for driver in _DRIVERS for file in needs.get(driver, ()))
    return (kernel.modules / file for file in order)
