"""`xdp` and `tc` on the loopback of a network namespace that each test makes for itself."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytestmark = pytest.mark.live

#: Brings the loopback up, and runs what follows on the command line.
_UP = """
import os, sys
from pyroute2 import IPRoute
with IPRoute() as netlink:
    netlink.link("set", index=1, state="up")
os.execvp(sys.argv[1], sys.argv[1:])
"""
#: Sends five datagrams of 6 bytes to a port that nobody listens on.
SENDER = """
import socket
sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for number in range(5):
    try:
        sender.sendto(b"hello%d" % number, ("127.0.0.1", 9999))
    except ConnectionRefusedError:
        sender.sendto(b"hello%d" % number, ("127.0.0.1", 9999))
"""
ETHERNET, IP, UDP = 14, 20, 8
PAYLOAD = ETHERNET + IP + UDP


@pytest.fixture
def sender(tmp_path: object) -> str:
    from pathlib import Path

    path = Path(str(tmp_path)) / "sender.py"
    path.write_text(SENDER)
    return f"{sys.executable} {path}"


def isolated(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["unshare", "--net", sys.executable, "-c", _UP, *words],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=90,
        check=False,
    )


def trace(*words: str) -> subprocess.CompletedProcess[str]:
    return isolated(sys.executable, "-m", "pybpftrace", *words)


def test_xdp_sees_the_bytes_of_packets(sender: str) -> None:
    script = (
        f"xdp:lo /((struct iphdr *)(ctx + {ETHERNET}))->protocol == 17/ "
        f"{{ @[str(ctx + {PAYLOAD}, 7), *(uint16 *)(ctx + 12), pktlen, args.ingress_ifindex] = count(); }}"
    )
    done = trace("-c", sender, "-e", script)
    assert done.returncode == 0, done.stderr
    keys = [line.rsplit(": ", 1)[0] for line in done.stdout.splitlines() if line]
    assert keys == [f"@[hello{number}, 8, {PAYLOAD + 6}, 1]" for number in range(5)]


def test_tc_sees_both_directions(sender: str) -> None:
    script = f"tc:lo:* /ctx[{ETHERNET + 9}] == 17/ {{ @[probe, args.len == pktlen] = count(); }}"
    done = trace("-c", sender, "-e", script)
    counts = dict(line.rsplit(": ", 1) for line in done.stdout.split("\n") if line)
    assert counts.keys() == {"@[tc:lo:egress, true]", "@[tc:lo:ingress, true]"}, done.stderr
    assert counts["@[tc:lo:egress, true]"] == counts["@[tc:lo:ingress, true]"]
    assert int(counts["@[tc:lo:egress, true]"]) >= 5


def test_behind_the_end_of_a_packet_there_are_zeros(sender: str) -> None:
    script = (
        f"xdp:lo /ctx[{ETHERNET + 9}] == 17/ {{ @word = *(uint64 *)(ctx + 100000); @none = str(ctx + 70000); "
        f"@last = str(ctx + {PAYLOAD + 5}); @far = ctx[pktlen]; exit(); }}"
    )
    done = trace("-c", sender, "-e", script)
    words = done.stdout.split()
    assert words[3] in "01234", done.stderr
    assert words == ["@far:", "0", "@last:", words[3], "@none:", "@word:", "0"]


def test_a_verdict_needs_unsafe() -> None:
    done = trace("-e", "xdp:lo { return 1; }")
    assert (done.returncode, done.stderr.splitlines()) == (
        1,
        [
            "stdin:1:17-18: ERROR: return with a value is unsafe in xdp probes: it decides what becomes of the packet",
            "xdp:lo { return 1; }",
            "                ~",
            "HINT: use --unsafe if that is what you want",
        ],
    )


def test_with_unsafe_packets_can_be_dropped(sender: str) -> None:
    done = trace("--unsafe", "-c", sender, "-e", "xdp:lo { @x = count(); return 1; } tc:lo:ingress { @t = count(); }")
    assert done.stdout.split() == ["@x:", "5"], done.stderr


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("xdp:nowhere { }", "stdin:1:1-12: ERROR: No matches for xdp nowhere."),
        ("xdp: { }", "stdin:1:1-5: ERROR: xdp probe must have an interface"),
        ("xdp:lo:x { }", "stdin:1:1-9: ERROR: xdp probe type requires 1 arguments, found 2"),
        ("tc:lo { }", "stdin:1:1-6: ERROR: tc probe type requires 2 arguments, found 1"),
        ("tc:lo:in { }", "stdin:1:1-9: ERROR: in is not a direction of tc probes"),
        ("begin { print(pktlen); }", 'stdin:1:15-21: ERROR: pktlen can not be used with "begin" probes'),
    ],
)
def test_a_wrong_one_is_told_what_is_wrong(script: str, message: str) -> None:
    done = trace("-e", script)
    assert (done.returncode, done.stderr.splitlines()[0]) == (1, message)


def test_they_are_listed_by_interface() -> None:
    assert trace("-l", "xdp:*").stdout == "xdp:lo\n"
    assert trace("-l", "tc:*").stdout == "tc:lo:egress\ntc:lo:ingress\n"
    assert "    __u32 protocol\n" in trace("-lv", "tc:lo:egress").stdout


def test_a_second_xdp_program_is_refused_in_words() -> None:
    script = "xdp:lo { @ = count(); }"
    other = [sys.executable, "-m", "pybpftrace", "-q", "-e", script]
    code = (
        "import subprocess, sys, time\n"
        f"first = subprocess.Popen({other}, stderr=subprocess.DEVNULL)\n"
        "import os, glob\n"
        "from pyroute2 import IPRoute\n"
        "with IPRoute() as netlink:\n"
        "    for _ in range(600):\n"
        "        if dict(netlink.get_links(1)[0].get_attr('IFLA_XDP')['attrs']).get('IFLA_XDP_PROG_ID'): break\n"
        "        time.sleep(0.1)\n"
        f"done = subprocess.run({other}, capture_output=True, text=True)\n"
        "first.terminate(); first.wait()\n"
        "sys.stderr.write(done.stderr); sys.exit(done.returncode)\n"
    )
    done = isolated(sys.executable, "-c", code)
    assert done.returncode == 255
    assert done.stderr.splitlines()[0] == (
        "ERROR: another XDP program is attached to lo; 'ip link show lo' tells its id, and 'ip link set lo xdp off' "
        "removes it"
    )


def test_killing_the_tracer_leaves_no_filter_behind_before_tcx() -> None:
    """Kernels before 6.6 have filters only, which belong to the interface."""
    code = """
import os, signal, subprocess, sys, time
from pyroute2 import IPRoute

LOAD = '''
import sys, time
from pybpftrace.core.linux import bpf
from pybpftrace.plugins.probes.links.packet import FilterLink
fd = bpf.load_program(bpf.ProgramImage(bpf.ProgramType.SCHED_CLS, bytes.fromhex("b7000000ffffffff9500000000000000")))
links = [FilterLink("lo", 1, direction, fd) for direction in ("ingress", "egress")]
print("attached", flush=True)
if sys.argv[1] == "close":
    for link in links:
        link.close()
    print("closed", flush=True)
time.sleep(60)
'''
PARENTS = (0xFFFFFFF2, 0xFFFFFFF3)

def filters(netlink):
    return [bool(m["handle"]) for parent in PARENTS for m in netlink.get_filters(index=1, parent=parent) if m["handle"]]

def disciplines(netlink):
    return [m.get_attr("TCA_KIND") for m in netlink.get_qdiscs(1) if m.get_attr("TCA_KIND") == "clsact"]

with IPRoute() as netlink:
    for way in ("kill", "close"):
        tracer = subprocess.Popen([sys.executable, "-c", LOAD, way], stdout=subprocess.PIPE, text=True)
        assert tracer.stdout.readline() == "attached\\n"
        if way == "kill":
            print(way, "before", filters(netlink), disciplines(netlink))
        else:
            assert tracer.stdout.readline() == "closed\\n"
        tracer.send_signal(signal.SIGKILL)
        tracer.wait()
        for _ in range(300):
            if not disciplines(netlink):
                break
            time.sleep(0.1)
        print(way, "after", disciplines(netlink) and filters(netlink), disciplines(netlink))
"""
    done = isolated(sys.executable, "-c", code)
    assert done.stdout.splitlines() == [
        "kill before [True, True] ['clsact']",
        "kill after [] []",
        "close after [] []",
    ], done.stderr
