"""The tools that look into programs: a bash session, name lookups, and a conversation over TLS."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator

import pytest

from .guest import Guest
from .tools import Watched, stopped, watch

pytestmark = pytest.mark.kernels("6.1", "6.12", "newest")

CLOCK = r"\d\d:\d\d:\d\d"
FINE_CLOCK = rf"{CLOCK}\.\d{{6}}"

#: An interactive bash on a terminal of its own; it prints its pid, and then what the terminal shows.
SESSION = b"""
import os, pty, re

child, terminal = pty.fork()
if not child:
    os.execlp("bash", "bash", "--norc", "--noprofile")
print(child, flush=True)
shown = b""

def wait_for(text):
    global shown
    while not re.search(text, shown):
        shown += os.read(terminal, 1000)
    shown = b""

os.write(terminal, b"PS1=ready\\\\>; stty -echo\\n")
wait_for(rb"ready>$")
open("/tmp/go").read()
# A line that bash waited for already, when the tool was attached, is not seen.
for line in (b"", b"echo one two", b"", b"nosuchcommand --option", b"exit"):
    os.write(terminal, line + b"\\n")
    if line != b"exit":
        wait_for(rb"ready>$")
os.waitpid(child, 0)
"""
#: A name server that knows a name, and thinks about it for a quarter of a second.
NAME_SERVER = b"""
import socket, time

server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(("127.0.0.1", 53))
print("ready", flush=True)
while True:
    question, client = server.recvfrom(512)
    time.sleep(0.25)
    name_end = question.index(b"\\0", 12)
    is_address = question[name_end + 1 : name_end + 3] == b"\\0\\1"
    answer = b"\\xc0\\x0c\\0\\1\\0\\1\\0\\0\\0\\0\\0\\4" + bytes([192, 0, 2, 7]) if is_address else b""
    head = question[:2] + b"\\x81\\x80\\0\\1\\0" + bytes([is_address]) + b"\\0\\0\\0\\0"
    server.sendto(head + question[12 : name_end + 5] + answer, client)
"""
CERTIFICATE = (
    "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout /tmp/key -out /tmp/certificate "
    "-subj /CN=example.com -days 2"
)
#: It sends each line back, reversed.
SERVER = "openssl s_server -rev -key /tmp/key -cert /tmp/certificate -accept 127.0.0.1:4433 -naccept 1"
#: It says "hello", hears the answer, and ends.
CLIENT = "exec openssl s_client -connect 127.0.0.1:4433 < <(echo hello; sleep 1)"


def needs(*programs: str) -> None:
    for program in programs:
        if shutil.which(program) is None:
            pytest.skip(f"needs {program}")


@pytest.fixture(scope="module")
def loopback(guest: Guest) -> None:
    assert guest.run(["ip", "link", "set", "lo", "up"]).status == 0


@pytest.fixture
def name_server(guest: Guest, loopback: None) -> Iterator[None]:
    guest.write("/tmp/name_server.py", NAME_SERVER)
    guest.write("/etc/resolv.conf", b"nameserver 127.0.0.1\n")
    guest.write("/etc/nsswitch.conf", b"hosts: files dns\n")
    guest.write("/etc/hosts", b"127.0.0.1 localhost known.example.com\n")
    running = guest.start(["python3", "-I", "-S", "/tmp/name_server.py"], timeout=120)
    running.wait_for("^ready$")
    yield
    running.interrupt()


@pytest.mark.parametrize("by_pid", [False, True])
def test_bashreadline_shows_what_is_entered(guest: Guest, by_pid: bool) -> None:
    needs("bash")
    guest.write("/tmp/session.py", SESSION)
    guest.run(["sh", "-c", "rm -f /tmp/go && mkfifo /tmp/go"])
    session = guest.start(["python3", "-I", "-S", "/tmp/session.py"], timeout=120)
    bash = int(session.wait_for(r"^\d+\n"))

    def workload() -> None:
        guest.run(["sh", "-c", "echo > /tmp/go"])
        session.wait()

    seen = watch(guest, "bashreadline", workload, *([f"--pid={bash}"] if by_pid else []))
    for text in (seen.text, seen.printed()):
        header, *lines = (line for line in text.splitlines() if line)
        assert header == "TIME         PID COMMAND"
        rows = [re.fullmatch(rf"{CLOCK} +{bash} (.*)", line) for line in lines]
        assert [row[1] for row in rows if row] == ["echo one two", "", "nosuchcommand --option", "exit"]
        assert len(rows) == 4


def lookups(text: str) -> list[tuple[int, str, float]]:
    """(pid, host, milliseconds) of getent's lines."""
    rows = re.findall(rf"^{CLOCK} +(\d+) getent {{11}} +(\d+\.\d\d\d) (\S+)$", text, re.MULTILINE)
    return [(int(pid), host, float(latency)) for pid, latency, host in rows]


def test_gethostlatency_shows_slow_and_fast_lookups(guest: Guest, name_server: None) -> None:
    commands = "getent ahosts slow.example.com; getent hosts known.example.com; getent ahosts localhost"
    seen = watch(guest, "gethostlatency", lambda: guest.run(["sh", "-c", commands]))
    for text in (seen.text, seen.printed()):
        assert text.splitlines()[0] == "TIME         PID COMM              LATENCY(ms) HOST"
        (_, slow, waited), *fast = lookups(text)
        assert slow == "slow.example.com" and 250 <= waited < 60_000, text
        # gethostbyname2() is called for IPv6 first.
        assert [host for _, host, _ in fast] == ["known.example.com", "known.example.com", "localhost"]
        # The name server is asked for an IPv6 address of it, which /etc/hosts does not have.
        assert fast[0][2] >= 250 and fast[1][2] < 250 and fast[2][2] < 250


def test_gethostlatency_of_one_process_is_silent_about_others(guest: Guest, name_server: None) -> None:
    with stopped(guest, ["getent", "ahosts", "known.example.com"]) as program:

        def workload() -> None:
            guest.run(["getent", "ahosts", "localhost"])
            program.go_on()

        seen = watch(guest, "gethostlatency", workload, f"--pid={program.pid}")
    assert [row[:2] for row in lookups(seen.text)] == [(program.pid, "known.example.com")]


def watch_conversation(guest: Guest, tool: str, *options: str, of_client: bool = False) -> tuple[int, Watched]:
    """The client's pid, and what the tool printed of the conversation."""
    needs("bash", "openssl")
    made = guest.run(["sh", "-c", f"test -e /tmp/key || {CERTIFICATE}"])
    assert made.status == 0, made.stderr
    server = guest.start(["sh", "-c", f"exec {SERVER}"], timeout=120)
    # There is nothing to see of it before somebody connects.
    listening = "until grep -q '0100007F:1151 00000000:0000 0A' /proc/net/tcp; do sleep 0.05; done"
    assert guest.run(["sh", "-c", listening]).status == 0
    with stopped(guest, ["bash", "-c", CLIENT]) as client:
        named = [f"--pid={client.pid}"] if of_client else []
        seen = watch(guest, tool, client.go_on, *named, *options)
    server.wait()
    return client.pid, seen


def test_sslsnoop_shows_handshakes_reads_and_writes(guest: Guest, loopback: None) -> None:
    pid, seen = watch_conversation(guest, "sslsnoop")
    for text in (seen.text, seen.printed()):
        header, *lines = (line for line in text.splitlines() if line)
        assert header == "TIME                PID COMM             FUNCTION            LATENCY(ms) RESULT"
        rows = [re.fullmatch(rf"{FINE_CLOCK} +(\d+) openssl +(SSL_\w+) +\d+\.\d{{3}} (-?\d+)", line) for line in lines]
        assert None not in rows, text
        client = [(row[2], row[3]) for row in rows if row and int(row[1]) == pid]
        server = [(row[2], row[3]) for row in rows if row and int(row[1]) != pid]
        # The client's handshake is part of its first write, of nothing.
        assert ("SSL_write", "0") in client and ("SSL_do_handshake", "1") in server, text
        assert ("SSL_write", "6") in client and ("SSL_read", "6") in client, text


def test_sslsnoop_shows_only_handshakes(guest: Guest, loopback: None) -> None:
    pid, seen = watch_conversation(guest, "sslsnoop", "--handshakes")
    for text in (seen.text, seen.printed()):
        _, *lines = (line for line in text.splitlines() if line)
        assert lines and all(re.search(r" openssl +SSL_do_handshake ", line) for line in lines), text
        assert not any(f" {pid} " in line for line in lines)


def test_sslsnoop_shows_only_one_process(guest: Guest, loopback: None) -> None:
    pid, seen = watch_conversation(guest, "sslsnoop", of_client=True)
    for text in (seen.text, seen.printed()):
        _, *lines = (line for line in text.splitlines() if line)
        assert lines and all(f" {pid} openssl " in line for line in lines), text


def test_ssllatency_has_a_histogram_for_each_function(guest: Guest, loopback: None) -> None:
    _, seen = watch_conversation(guest, "ssllatency")
    assert seen.lines[0] == "Tracing OpenSSL... Hit Ctrl-C to end."
    functions = set(re.findall(r"^@usecs\[(\w+)\]:\n\[", seen.text, re.MULTILINE))
    assert {"SSL_do_handshake", "SSL_write", "SSL_read"} <= functions, seen.text
    usecs = seen.map("@usecs")
    assert functions == set(usecs)
    assert sum(bucket["count"] for bucket in usecs["SSL_write"]) >= 2
    assert sum(bucket["count"] for bucket in usecs["SSL_do_handshake"]) >= 1
    # A read that there is nothing for is one that failed.
    assert seen.map("@failed")["SSL_read"] >= 1
    assert "@start" not in seen.text


def test_ssllatency_of_one_process_has_less(guest: Guest, loopback: None) -> None:
    _, seen = watch_conversation(guest, "ssllatency", of_client=True)
    usecs = seen.map("@usecs")
    assert "SSL_read" in usecs and "SSL_do_handshake" not in usecs
