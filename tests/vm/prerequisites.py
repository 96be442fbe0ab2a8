"""What this machine needs for the virtual machines: programs and rights, each missing one with the package that has it.

It only looks; nothing is installed or downloaded here.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

#: Where Debian 12 has it, in qemu-system-common, and where later ones do, in a package of its own.
VIRTIOFSD = ("/usr/lib/qemu/virtiofsd", "/usr/libexec/virtiofsd")
ARCHITECTURE = "x86_64"
_PACKAGES = {
    "qemu-system-x86_64": "qemu-system-x86",
    "busybox": "busybox-static",
    "depmod": "kmod",
    "zstd": "zstd",
    "lz4": "lz4",
    "apt-get": "apt",
    "dpkg-deb": "dpkg",
    "setpriv": "util-linux",
    "unshare": "util-linux",
}
#: Where root's programs are, which is not on everybody's $PATH.
_SEARCH = os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"))


class Unavailable(Exception):
    """A guest that cannot be had on this machine; the text is one line that tells why."""


@dataclass(frozen=True)
class Programs:
    """The paths of what runs outside of the guest."""

    qemu: str
    virtiofsd: str
    busybox: str
    depmod: str
    zstd: str
    lz4: str


def programs() -> Programs:
    """Raises Unavailable."""
    if os.uname().machine != ARCHITECTURE:
        raise Unavailable(f"the guests are {ARCHITECTURE} and share this machine's programs, which are not")
    if os.geteuid() != 0:
        raise Unavailable("virtiofsd and the private mount that it runs in need root")
    paths = {name: _program(name, package) for name, package in _PACKAGES.items()}
    virtiofsd = next((path for path in VIRTIOFSD if os.path.exists(path)), None)
    if virtiofsd is None:
        raise Unavailable(f"no {' or '.join(VIRTIOFSD)}: apt-get install qemu-system-common or virtiofsd")
    if b"/ld-linux" in Path(paths["busybox"]).read_bytes()[:4096]:
        raise Unavailable("busybox is not the static one: apt-get install busybox-static")
    return Programs(
        paths["qemu-system-x86_64"], virtiofsd, paths["busybox"], paths["depmod"], paths["zstd"], paths["lz4"]
    )


def _program(name: str, package: str) -> str:
    path = shutil.which(name, path=_SEARCH)
    if path is None:
        raise Unavailable(f"no {name}: apt-get install {package}")
    return path
