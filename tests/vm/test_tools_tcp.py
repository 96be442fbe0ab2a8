"""The tools about TCP and UNIX domain sockets: two network namespaces, `near` and `far`, with a cable between them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from .guest import Guest
from .tools import stopped, stopped_python, watch

pytestmark = pytest.mark.kernels("6.1", "6.12", "newest")

CLOCK = r"\d\d:\d\d:\d\d"
NETWORK = """
modprobe -a veth sch_netem
ip netns add near
ip netns add far
ip link add eth0 netns near type veth peer name eth0 netns far
number=1
for name in near far; do
    ip -n $name link set lo up
    ip -n $name addr add 10.0.0.$number/24 dev eth0
    ip -n $name addr add fd00::$number/64 dev eth0 nodad
    ip -n $name link set eth0 up
    number=2
done
"""
#: It takes what a client sends until its end, and answers with 30,000 bytes.
SERVER = b"""
import os, socket, sys

address, port = sys.argv[1], int(sys.argv[2])
family = socket.AF_INET6 if ":" in address else socket.AF_INET
listener = socket.create_server((address, port), family=family, backlog=5)
print(os.getpid(), flush=True)
while True:
    connection, _ = listener.accept()
    while connection.recv(65536):
        pass
    connection.sendall(b"y" * 30000)
    connection.close()
"""
#: It sends that many bytes and takes the answer. With `lossy` the cable is cut for the first half second of that.
CLIENT = b"""
import socket, subprocess, sys, time

address, port, count, *lossy = sys.argv[1:]
with socket.create_connection((address, int(port)), timeout=30) as connection:
    if lossy:
        subprocess.run("tc qdisc add dev eth0 root netem loss 100%".split(), check=True)
    connection.sendall(b"x" * int(count))
    if lossy:
        time.sleep(0.5)
        subprocess.run("tc qdisc del dev eth0 root".split(), check=True)
    connection.shutdown(socket.SHUT_WR)
    while connection.recv(65536):
        pass
"""
IPV4, IPV6, REFUSED = ("10.0.0.2", "8080", "100000"), ("fd00::2", "8081", "50000"), ("10.0.0.2", "9999", "1")
LOSSY = ("10.0.0.2", "8080", "1000", "lossy"), ("fd00::2", "8081", "1000", "lossy")
FULL_BACKLOG = """
import socket

listener = socket.create_server(("127.0.0.1", 7070), backlog=2)
waiting = [socket.create_connection(("127.0.0.1", 7070)) for _ in range(3)]
"""
MESSAGES = """
import socket

near, far = socket.socketpair()
near.sendall(b"hello, \\x01\\xff world\\n" * 2)
assert len(far.recv(10)) == 10
assert len(far.recv(1000)) == 22
near, far = socket.socketpair(type=socket.SOCK_DGRAM)
near.send(b"z" * 500)
assert len(far.recv(1000)) == 500
"""


@pytest.fixture(scope="module")
def network(guest: Guest) -> dict[str, int]:
    """The pids of the servers by their addresses."""
    made = guest.run(["sh", "-e", "-c", NETWORK])
    assert made.status == 0, made.stderr
    guest.write("/tmp/server.py", SERVER)
    guest.write("/tmp/client.py", CLIENT)
    pids = {}
    for address, port, _ in (IPV4, IPV6):
        server = guest.start([*in_namespace("far"), "/tmp/server.py", address, port], timeout=600)
        pids[address] = int(server.wait_for(r"^\d+\n"))
    return pids


def in_namespace(name: str) -> list[str]:
    return ["ip", "netns", "exec", name, "python3", "-I", "-S"]


def connect(guest: Guest, *connections: tuple[str, ...]) -> None:
    for connection in connections:
        done = guest.run([*in_namespace("near"), "/tmp/client.py", *connection])
        assert (done.status == 0) == (connection != REFUSED), done


def rows(text: str, header: str) -> list[list[str]]:
    """The lines below the header, split at blanks."""
    first, *lines = (line for line in text.splitlines() if line)
    assert first.split() == header.split(), text
    return [line.split() for line in lines]


def test_tcpaccept_shows_who_accepts_whom(guest: Guest, network: dict[str, int]) -> None:
    seen = watch(guest, "tcpaccept", lambda: connect(guest, IPV4, IPV6, REFUSED, IPV4))
    for text in (seen.text, seen.printed()):
        found = rows(text, "TIME PID COMM RADDR RPORT LADDR LPORT BL")
        assert all(re.fullmatch(CLOCK, row[0]) and int(row[4]) > 1024 for row in found)
        # At first it is not known where the servers wait, since they do already.
        assert [[*row[1:4], *row[5:]] for row in found] == [
            [str(network["10.0.0.2"]), "python3", "10.0.0.1", "10.0.0.2", "8080", "-"],
            [str(network["fd00::2"]), "python3", "fd00::1", "fd00::2", "8081", "-"],
            [str(network["10.0.0.2"]), "python3", "10.0.0.1", "10.0.0.2", "8080", "0/5"],
        ]


def test_tcpaccept_shows_one_process_or_port(guest: Guest, network: dict[str, int]) -> None:
    for option in (f"--pid={network['fd00::2']}", "--port=8081"):
        seen = watch(guest, "tcpaccept", lambda: connect(guest, IPV4, IPV6), option)
        found = rows(seen.text, "TIME PID COMM RADDR RPORT LADDR LPORT BL")
        assert [(row[5], row[6]) for row in found] == [("fd00::2", "8081")]


def test_tcpconnect_shows_who_connects_where_with_success_or_not(guest: Guest, network: dict[str, int]) -> None:
    seen = watch(guest, "tcpconnect", lambda: connect(guest, IPV4, IPV6, REFUSED))
    for text in (seen.text, seen.printed()):
        found = rows(text, "TIME PID COMM SADDR DADDR DPORT")
        assert [row[2:] for row in found] == [
            ["python3", "10.0.0.1", "10.0.0.2", "8080"],
            ["python3", "fd00::1", "fd00::2", "8081"],
            ["python3", "10.0.0.1", "10.0.0.2", "9999"],
        ]
        assert len({row[1] for row in found}) == 3 and all(re.fullmatch(CLOCK, row[0]) for row in found)


def test_tcpconnect_shows_one_process_or_port(guest: Guest, network: dict[str, int]) -> None:
    with stopped(guest, [*in_namespace("near"), "/tmp/client.py", *IPV6]) as program:

        def workload() -> None:
            connect(guest, IPV4)
            program.go_on()

        by_pid = watch(guest, "tcpconnect", workload, f"--pid={program.pid}")
    by_port = watch(guest, "tcpconnect", lambda: connect(guest, IPV4, IPV6), "--port=8081")
    for seen in (by_pid, by_port):
        found = rows(seen.text, "TIME PID COMM SADDR DADDR DPORT")
        assert [row[4:] for row in found] == [["fd00::2", "8081"]]


def test_tcplife_shows_both_sides_of_a_session_with_what_they_moved(guest: Guest, network: dict[str, int]) -> None:
    seen = watch(guest, "tcplife", lambda: connect(guest, IPV4, IPV6))
    for text in (seen.text, seen.printed()):
        found = rows(text, "TIME PID COMM LADDR LPORT RADDR RPORT TX_KB RX_KB LIFE(ms)")
        for address, port, sent in (("10.0.0", "8080", "97"), ("fd00:", "8081", "48")):
            near, far = (f"{address}{'.' if '.' in address else ':'}{number}" for number in (1, 2))
            [ours] = [row for row in found if row[3] == near and row[6] == port]
            [theirs] = [row for row in found if row[3] == far and row[4] == port]
            assert ours[5:9] == [far, port, sent, "29"] and theirs[5:9] == [near, ours[4], "29", sent]
            assert ours[2] == theirs[2] == "python3" and int(theirs[1]) == network[far]
            assert all(re.fullmatch(r"\d+\.\d{3}", row[9]) for row in (ours, theirs))
        assert len(found) == 4


def test_tcplife_shows_one_process_or_port(guest: Guest, network: dict[str, int]) -> None:
    header = "TIME PID COMM LADDR LPORT RADDR RPORT TX_KB RX_KB LIFE(ms)"
    seen = watch(guest, "tcplife", lambda: connect(guest, IPV4, IPV6), "--port=8081")
    assert sorted(row[3] for row in rows(seen.text, header)) == ["fd00::1", "fd00::2"]
    seen = watch(guest, "tcplife", lambda: connect(guest, IPV4, IPV6), f"--pid={network['10.0.0.2']}")
    assert [row[3:5] for row in rows(seen.text, header)] == [["10.0.0.2", "8080"]]


def test_tcpretrans_shows_what_is_sent_again_when_the_cable_is_cut(guest: Guest, network: dict[str, int]) -> None:
    seen = watch(guest, "tcpretrans", lambda: connect(guest, *LOSSY))
    for text in (seen.text, seen.printed()):
        found = rows(text, "TIME LADDR LPORT RADDR RPORT STATE")
        for near, far, port in (("10.0.0.1", "10.0.0.2", "8080"), ("fd00::1", "fd00::2", "8081")):
            states = [row[5] for row in found if (row[1], row[3], row[4]) == (near, far, port)]
            assert "ESTABLISHED" in states, text


def test_tcpretrans_shows_one_port(guest: Guest, network: dict[str, int]) -> None:
    seen = watch(guest, "tcpretrans", lambda: connect(guest, *LOSSY), "--port=8081")
    assert {row[4] for row in rows(seen.text, "TIME LADDR LPORT RADDR RPORT STATE")} == {"8081"}


@contextmanager
def duplicates(guest: Guest) -> Iterator[None]:
    """Every packet of `near` arrives twice, so the other side drops one of them."""
    change = "tc -n near qdisc {} dev eth0 root netem duplicate 100%"
    assert guest.run(change.format("add").split()).status == 0
    yield
    assert guest.run(change.format("del").split()).status == 0


def test_tcpdrop_shows_the_reason_the_state_and_the_stack(guest: Guest, network: dict[str, int]) -> None:
    with duplicates(guest):
        seen = watch(guest, "tcpdrop", lambda: connect(guest, IPV4, IPV6, REFUSED))
    line = rf"^{CLOCK} (\S+) +\d+ (\S+) +(\d+) (\w+) +(SKB_DROP_REASON_\w+)\n"
    for text in (seen.text, seen.printed()):
        assert text.splitlines()[0].split() == ["TIME", "SADDR", "SPORT", "DADDR", "DPORT", "STATE", "REASON"]
        found = re.findall(line, text, re.MULTILINE)
        assert ("10.0.0.1", "10.0.0.2", "9999", "0", "SKB_DROP_REASON_NO_SOCKET") in found
        for near, far, port in (("10.0.0.1", "10.0.0.2", "8080"), ("fd00::1", "fd00::2", "8081")):
            states = {row[3] for row in found if row[:3] == (near, far, port) and row[4].endswith("_TCP_OLD_DATA")}
            assert "ESTABLISHED" in states, text
    stack = re.search(rf"{line.replace('(', '(?:')}\n((?: {{8}}\S+\n)+)", seen.text, re.MULTILINE)
    assert stack and re.search(r"tcp_v[46]_(do_)?rcv\+", seen.text), seen.text
    assert any("tcp_v4_rcv+" in message["data"] for message in seen.messages if message["type"] == "value")


def test_tcpdrop_of_one_port_without_stacks(guest: Guest, network: dict[str, int]) -> None:
    seen = watch(guest, "tcpdrop", lambda: connect(guest, IPV4, REFUSED), "--port=9999", "--brief")
    for text in (seen.text, seen.printed()):
        found = rows(text, "TIME SADDR SPORT DADDR DPORT STATE REASON")
        assert {(row[3], row[4], row[6]) for row in found} == {("10.0.0.2", "9999", "SKB_DROP_REASON_NO_SOCKET")}
    assert all(message["type"] == "printf" for message in seen.messages)


def test_tcpsynbl_shows_how_full_a_backlog_is(guest: Guest) -> None:
    guest.run(["ip", "link", "set", "lo", "up"])
    with stopped_python(guest, FULL_BACKLOG) as program:
        seen = watch(guest, "tcpsynbl", program.go_on)
    assert seen.lines[0] == "Tracing arriving connections... Hit Ctrl-C to end."
    # None waits when the first one arrives.
    histogram = re.search(r"^@backlog\[2\]:\n((?:\[.*\n)+)", seen.text, re.MULTILINE)
    assert histogram, seen.text
    assert re.findall(r"^(\[.*?\)?\]?) +(\d+) \|", histogram[1], re.MULTILINE) == [
        ("[0]", "1"),
        ("[1]", "1"),
        ("[2, 4)", "1"),
    ]
    assert [bucket["count"] for bucket in seen.map("@backlog")["2"]] == [1, 1, 1]


def test_undump_shows_what_is_received(guest: Guest) -> None:
    for option, wanted in (
        (
            None,
            [
                ("10", "hello, \\x01\\xff "),
                ("22", "world\\x0ahello, \\x01\\xff world\\x0a"),
                ("500", "z" * 256),
            ],
        ),
        ("--bytes=3", [("10", "hel"), ("22", "wor"), ("500", "zzz")]),
    ):
        with stopped_python(guest, MESSAGES) as program:
            options = [f"--pid={program.pid}", *([option] if option else [])]
            seen = watch(guest, "undump", program.go_on, *options)
        for text in (seen.text, seen.printed()):
            header, *lines = (line for line in text.splitlines() if line)
            assert header == "TIME                PID COMM                BYTES DATA"
            found = [re.fullmatch(rf"{CLOCK}\.\d{{6}} +{program.pid} python3 +(\d+) (.*)", line) for line in lines]
            assert [row.groups() for row in found if row] == wanted, text
            assert len(found) == len(wanted)
