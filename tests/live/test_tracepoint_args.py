"""Fields of tracepoints that are more than numbers: what they point to, and the names of their values."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from tracing import run

pytestmark = pytest.mark.live

#: Nobody listens there; the kernel drops the packet while the sender is in its system call.
TO_CLOSED_PORT = "import socket; socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', 9))"


@pytest.fixture
def sending(tmp_path: Path) -> str:
    """The command of a process that sends such a packet."""
    (tmp_path / "send.py").write_text(TO_CLOSED_PORT)
    return f"{sys.executable} -S -E {tmp_path}/send.py"


def test_a_struct_that_a_system_call_is_given_is_read_in_the_users_memory() -> None:
    script = (
        "tracepoint:syscalls:sys_enter_clock_nanosleep /pid == cpid/ "
        '{ printf("%d.%09d\\n", args.rqtp.tv_sec, args.rqtp.tv_nsec); }'
    )
    done = run("-q", "-c", "/bin/sleep 0.05", "-e", script)
    assert (done.stdout, done.stderr) == ("0.050000000\n\n\n", "")


def test_an_enum_prints_its_name(sending: str) -> None:
    script = 'tracepoint:skb:kfree_skb /pid == cpid/ { printf("%s %d\\n", args.reason, args.reason); }'
    done = run("-q", "-c", sending, "-e", script)
    names = set(done.stdout.split())
    assert "SKB_DROP_REASON_NO_SOCKET" in names, done


def test_an_enum_is_compared_with_its_names(sending: str) -> None:
    script = (
        "tracepoint:skb:kfree_skb /pid == cpid && args.reason == SKB_DROP_REASON_NO_SOCKET/ "
        "{ @ = count(); }"
    )
    done = run("-q", "-c", sending, "-e", script)
    assert done.stdout == "\n\n@: 1\n", done
