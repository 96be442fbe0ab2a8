"""Packets that probes have sent, written to the files that the script names.

The files are of libpcap's format (pcap-savefile(5)), in the machine's byte order, with times in microseconds: packets
begin at the header of the network's protocol (LINKTYPE_RAW), as those do that have lost their link layer's header.
"""

from __future__ import annotations

import os
import struct
import time
from collections.abc import Iterable, Sequence

from ...core.artifacts import PACKET_HEADER_SIZE, PACKET_LIMIT, EventSpec
from ...core.linux import clocks
from ...core.output import Output
from ...core.run import load_error

#: magic, version, time zone, accuracy, the longest packet, LINKTYPE_RAW.
_FILE_HEADER = struct.pack("=IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 101)
#: s and us of the time, bytes in the file, bytes of the packet.
_PACKET_HEADER = struct.Struct("=IIII")
_RECORD = struct.Struct("=QQQ")


class PacketFiles:
    """The files of one run."""

    def __init__(self, events: Iterable[EventSpec], output: Output) -> None:
        self._places = {e.id: (e.settings["file"], e.settings["offset"]) for e in events if "file" in e.settings}
        self._output = output
        self._descriptors: dict[str, int] = {}
        #: ns that the wall clock is ahead of the boot clock.
        self._ahead = clocks.offset(time.CLOCK_REALTIME)

    def open(self) -> None:
        """Makes all files anew. Raises: LoadError."""
        for name in dict.fromkeys(name for name, _ in self._places.values()):
            try:
                path = name.encode("latin-1")
                self._descriptors[name] = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
                os.write(self._descriptors[name], _FILE_HEADER)
            except (OSError, ValueError) as error:
                self.close()
                reason = os.strerror(error.errno or 0) if isinstance(error, OSError) else str(error)
                raise load_error(f"Failed to create pcap file(s): '{name}' ({reason})", status=1) from error

    def write(self, packets: Sequence[bytes]) -> None:
        """Writes packets that have come, as PACKETS_MAP has them."""
        chunks: dict[str, list[bytes]] = {}
        for data in packets:
            event, boot_time, length = _RECORD.unpack_from(data)
            name, offset = self._places[event]
            seconds, nanoseconds = divmod(boot_time + self._ahead, 1_000_000_000)
            kept = data[PACKET_HEADER_SIZE : PACKET_HEADER_SIZE + min(length, PACKET_LIMIT)][offset:]
            header = _PACKET_HEADER.pack(seconds, nanoseconds // 1000, len(kept), max(length - offset, 0))
            chunks.setdefault(name, []).append(header + kept)
        for name, parts in chunks.items():
            if name in self._descriptors:
                self._append(name, b"".join(parts))

    def _append(self, name: str, data: bytes) -> None:
        view = memoryview(data)
        try:
            while view:
                view = view[os.write(self._descriptors[name], view) :]
        except OSError as error:
            os.close(self._descriptors.pop(name))
            self._output.error(f"Failed to write pcap file '{name}' ({os.strerror(error.errno or 0)})")

    def close(self) -> None:
        while self._descriptors:
            os.close(self._descriptors.popitem()[1])
