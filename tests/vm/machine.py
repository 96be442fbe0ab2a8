"""A QEMU machine with a Debian kernel: its processes, its console, and the socket that its agent is behind.

Emulated (TCG), because /dev/kvm is often missing where tests run, or there but useless; one thread, because with a
thread for each CPU a guest may run stale code just after its kernel patched itself, and probes do nothing else.
"""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

from . import agent, initramfs
from .kernel import Kernel
from .prerequisites import Programs

_CPUS = 2
_MEMORY = "2G"
_CONSOLE_LINES = 25
_KERNEL_PARAMETERS = (
    "console=ttyS0",
    "loglevel=4",
    "panic=-1",
    "random.trust_cpu=on",
    "mitigations=off",
    "tsc=reliable",
    "cryptomgr.notests",
    "nokaslr",  # addresses are those of the captured target
    "norandmaps",  # otherwise the emulator translates a program's code anew for each process: three times the time
)
#: Ends with this process, however that ends: the rest of the words is the command.
_ENDS_WITH_US = ("setpriv", "--pdeathsig", "KILL")
#: In a mount namespace of its own, in which not even root can write below the root directory.
_READ_ONLY = (
    "unshare", "--mount", "--propagation", "private", "sh", "-c", 'mount -o remount,bind,ro / && exec "$@"', "sh",
)  # fmt: skip


class Machine:
    """The processes of one guest. Start and stop it in the same thread: its processes end when that one does."""

    def __init__(self, kernel: Kernel, programs: Programs) -> None:
        self._kernel = kernel
        self._programs = programs
        self._directory = Path(tempfile.mkdtemp(prefix="pybpftrace-vm-"))
        self._processes: list[subprocess.Popen[bytes]] = []
        self._listener = self._listen("agent")

    def start(self) -> None:
        """Raises OSError."""
        with self._listen("root") as root:
            self._run("virtiofsd", *_READ_ONLY, *self._file_server(root.fileno()), share=root.fileno())
        (self._directory / "initramfs").write_bytes(initramfs.build(self._kernel, self._programs.busybox))
        self._run("qemu", *self._emulator())

    def connect(self, patience: float) -> socket.socket:
        """The connection that QEMU makes when it starts. Raises TimeoutError."""
        self._listener.settimeout(patience)
        connection, _ = self._listener.accept()
        connection.settimeout(None)
        return connection

    @property
    def last_words(self) -> str:
        """The end of what the kernel and our processes said, for a failure."""
        files = (self._directory / name for name in ("qemu.log", "virtiofsd.log", "console"))
        texts = ((file.name, file.read_text(errors="replace").splitlines()) for file in files if file.exists())
        return "".join(f"\n{name} ends:\n" + "\n".join(lines[-_CONSOLE_LINES:]) for name, lines in texts if lines)

    @property
    def console(self) -> str:
        """What the kernel said at level 4 (warning) and above."""
        path = self._directory / "console"
        return path.read_text(errors="replace") if path.exists() else ""

    def stop(self) -> None:
        """End everything and remove the files; can be called twice."""
        for process in reversed(self._processes):
            process.kill()
            process.wait()
        self._listener.close()
        shutil.rmtree(self._directory, ignore_errors=True)

    def _listen(self, name: str) -> socket.socket:
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(self._directory / f"{name}.socket"))
        listener.listen(1)
        return listener

    def _run(self, name: str, *words: str, share: int | None = None) -> None:
        """A session of its own, so that Ctrl-C in our terminal does not end it before its time."""
        with open(self._directory / f"{name}.log", "wb") as log:
            process = subprocess.Popen(
                (*_ENDS_WITH_US, *words), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                pass_fds=() if share is None else (share,), start_new_session=True,
            )  # fmt: skip
        self._processes.append(process)

    def _file_server(self, listener: int) -> list[str]:
        options = ("source=/", "sandbox=chroot", "cache=always")
        words = [word for option in options for word in ("-o", option)]
        return [self._programs.virtiofsd, f"--fd={listener}", "-f", *words, "--thread-pool-size=0"]

    def _emulator(self) -> list[str]:
        kernel = self._kernel
        parameters = {
            "release": kernel.release,
            "modules": str(kernel.modules),
            "python": sys.executable,
            "agent": str(Path(agent.__file__).resolve()),
        }
        words = [*_KERNEL_PARAMETERS, *(f"{initramfs.PARAMETER}{name}={value}" for name, value in parameters.items())]
        options = {
            "display": "none",
            "bios": "qboot.rom",
            "machine": "q35,sata=off,smbus=off,i8042=off,vmport=off,memory-backend=ram",
            "accel": "tcg,thread=single",
            "cpu": "max,la57=off",
            "smp": str(_CPUS),
            "m": _MEMORY,
            "object": f"memory-backend-memfd,id=ram,size={_MEMORY},share=on",
            "kernel": str(kernel.image),
            "initrd": str(self._directory / "initramfs"),
            "append": " ".join(words),
        }
        characters = {
            "console": f"file,id=console,path={self._directory}/console",
            "agent": f"socket,id=agent,path={self._directory}/agent.socket",
            "root": f"socket,id=root,path={self._directory}/root.socket",
        }
        devices = (
            "isa-serial,chardev=console",
            "virtio-serial-pci",
            f"virtserialport,chardev=agent,name={initramfs.PORT}",
            f"vhost-user-fs-pci,chardev=root,tag={initramfs.ROOT_TAG}",
        )
        return [
            self._programs.qemu, "-nodefaults", "-no-user-config", "-no-reboot",
            *(word for name, value in options.items() for word in (f"-{name}", value)),
            *(word for value in characters.values() for word in ("-chardev", value)),
            *(word for value in devices for word in ("-device", value)),
        ]  # fmt: skip
