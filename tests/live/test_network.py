"""Addresses and packets: what programs see of them, on the loopback device of a network namespace of the test's own."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from programs import build
from tracing import run, tracer

pytestmark = pytest.mark.live

#: Goes into a network namespace of its own, says which, and sends datagrams of which nobody answers whenever it is told
#: how many; then it tells the cookie of a socket that it listens with.
SENDER = """
import ctypes, os, socket, subprocess, sys
assert ctypes.CDLL(None).unshare(0x40000000) == 0  # CLONE_NEWNET
subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
print(os.stat("/proc/self/ns/net").st_ino, flush=True)
sink = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sink.bind(("127.0.0.1", 4242))
sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for line in sys.stdin:
    for number in range(int(line)):
        sender.sendto(b"packet %d" % number, ("127.0.0.1", 4242))
    listener = socket.create_server(("127.0.0.1", 0))
    print(int.from_bytes(listener.getsockopt(socket.SOL_SOCKET, 57, 8), sys.byteorder), flush=True)  # SO_COOKIE
"""


class Namespace:
    """A network namespace with a loopback device; `number` is what tells it from others."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", SENDER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )
        self.number = self._line()

    def _line(self) -> int:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            pytest.skip("no network namespace can be had")
        return int(line)

    def send(self, count: int) -> int:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{count}\n")
        return self._line()


@pytest.fixture
def namespace() -> Iterator[Namespace]:
    found = Namespace()
    yield found
    found.process.kill()
    found.process.communicate()


def probe(namespace: Namespace, statements: str) -> str:
    point = f"rawtracepoint:net_dev_queue /args.skb->dev->nd_net.net->ns.inum == {namespace.number}/"
    return f"{point} {{ {statements} }}"


def sent(namespace: Namespace, statements: str, *options: str, count: int = 3) -> tuple[str, str]:
    """What a script says of so many packets, on standard output and on standard error."""
    with tracer("--no-cache", *options, "-e", probe(namespace, statements)) as running:
        running.wait_attached()
        namespace.send(count)
        done = running.interrupt()
    assert done.status == 0, done.stderr
    return done.stdout, done.stderr.removeprefix("Attached 1 probe\n")


def read_back(path: Path) -> list[str]:
    """The packets of a file as tcpdump shows them, from the sender's port on."""
    if shutil.which("tcpdump") is None:
        pytest.skip("needs tcpdump")
    done = subprocess.run(["tcpdump", "-nr", str(path)], capture_output=True, text=True, check=True)
    assert "link-type RAW (Raw IP)" in done.stderr
    return [line.partition(" > ")[2] for line in done.stdout.splitlines()]


class TestPackets:
    @pytest.mark.parametrize(
        "statements",
        [
            'if (skboutput("FILE", args.skb, args.skb->len, 14)) { printf("failed\\n"); }',
            '$skb = args.skb; $length = $skb->len; skboutput("FILE", $skb, $length, 14);',
            'skboutput("FILE", (struct sk_buff *)arg0, args.skb->len, 14);',
        ],
    )
    def test_tcpdump_reads_what_was_written(self, namespace: Namespace, tmp_path: Path, statements: str) -> None:
        path = tmp_path / "out.pcap"
        assert sent(namespace, statements.replace("FILE", str(path))) == ("\n\n", "")
        assert read_back(path) == ["127.0.0.1.4242: UDP, length 8"] * 3

    def test_two_files_get_what_is_theirs(self, namespace: Namespace, tmp_path: Path) -> None:
        statements = f"""
            if (@) {{ skboutput("{tmp_path}/b", args.skb, args.skb->len, 14); }}
            else {{ skboutput("{tmp_path}/a", args.skb, 30, 14); @ = 1; }}
        """
        sent(namespace, statements)
        assert len(read_back(tmp_path / "b")) == 2
        assert (tmp_path / "a").stat().st_size == 24 + 16 + 30 - 14

    def test_more_than_the_packet_has_is_refused_by_the_kernel(self, namespace: Namespace, tmp_path: Path) -> None:
        statements = f'@[(int32)skboutput("{tmp_path}/a", args.skb, 99999, 0)] = count();'
        out, err = sent(namespace, statements)
        assert out == "\n\n@[-14]: 3\n"
        assert "WARNING: Bad address\nAdditional Info - helper: skb_output, retcode: -14\n" in err
        assert (tmp_path / "a").stat().st_size == 24

    def test_packets_that_find_no_space_are_counted(self, namespace: Namespace, tmp_path: Path) -> None:
        statements = f'skboutput("{tmp_path}/a", args.skb, args.skb->len, 14);'
        with tracer("--no-cache", "-f", "json", "-e", probe(namespace, statements)) as running:
            running.wait_for("attached_probes")
            running.process.send_signal(signal.SIGSTOP)  # nobody reads
            namespace.send(100_000)
            running.process.send_signal(signal.SIGCONT)
            done = running.interrupt()
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        lost = sum(line["count"] for line in lines if line["type"] == "lost_events")
        assert 0 < lost < 100_000
        assert len(read_back(tmp_path / "a")) == 100_000 - lost

    def test_a_file_that_cannot_be_made_ends_the_run(self) -> None:
        script = 'rawtracepoint:net_dev_queue /pid == 0 && pid == 1/ { skboutput("/no/a", args.skb, 1, 0); }'
        done = run("--no-cache", "-e", script)
        assert (done.status, done.stdout) == (1, "")
        assert done.stderr == "ERROR: Failed to create pcap file(s): '/no/a' (No such file or directory)\n"


def test_a_socket_has_the_cookie_that_its_owner_sees(namespace: Namespace) -> None:
    script = f"rawtracepoint:inet_sock_set_state /pid == {namespace.process.pid}/ {{ @[socket_cookie(args.sk)] = 1; }}"
    with tracer("--no-cache", "-e", script) as running:
        running.wait_attached()
        cookie = namespace.send(0)
        done = running.interrupt()
    assert f"@[{cookie}]: 1\n" in done.stdout


SOURCE = r"""
struct shown { unsigned char mac[6]; unsigned char v4[4]; char text[6]; char old[4]; unsigned char v6[16]; } shown = {
    {0, 0x1a, 0x2b, 0xaa, 0xbb, 0xcc}, {127, 0, 0, 1}, {2, 0, 0x80, 0, 1, 0xff}, {10, 0, 0, 2}, {0xfe, 0x80, [15] = 1}
};
__attribute__((noinline)) void show(struct shown *it) { __asm__ volatile("" :: "r"(it) : "memory"); }
int main(void) { show(&shown); return 0; }
"""
STRUCT = """
struct shown { unsigned char mac[6]; unsigned char v4[4]; char text[6]; char old[4]; unsigned char v6[16]; };
"""


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> str:
    return build(tmp_path_factory.mktemp("shown"), "shown", SOURCE)


def shown(program: str, statements: str, *options: str) -> str:
    script = f"{STRUCT} uprobe:{program}:show {{ $it = (struct shown *)arg0; {statements} }}"
    done = run("--no-cache", "-q", *options, "-c", program, "-e", script)
    assert done.stderr == ""
    return done.stdout


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        ("macaddr($it->mac)", "00:1A:2B:AA:BB:CC"),
        ("macaddr($it->text)", "02:00:80:00:01:FF"),
        ("macaddr(arg0)", "00:1A:2B:AA:BB:CC"),
        ("macaddr($it)", "00:1A:2B:AA:BB:CC"),
        ("ntop($it->v4)", "127.0.0.1"),
        ("ntop(2, $it->v4)", "127.0.0.1"),
        ("ntop($it->old)", "10.0.0.2"),
        ("ntop($it->v6)", "fe80::1"),
        ("ntop(5, $it->v4)", ""),
        ("ntop(16777343)", "127.0.0.1"),
        ("ntop(pton(\"::ffff:1.2.3.4\"))", "::ffff:1.2.3.4"),
        ("(uint32)pton(\"127.0.0.1\")", "16777343"),
        ("pton(\"1.2.3.4\")[2]", "3"),
    ],
)
def test_addresses_in_memory_are_shown(program: str, expression: str, text: str) -> None:
    assert shown(program, f"print({expression});") == f"{text}\n\n\n"


def test_they_are_values_like_others(program: str) -> None:
    statements = """
        $mac = macaddr($it->mac); $address = ntop($it->v6);
        @[$mac, $address] = macaddr($it->text); @last = $address; print(($address, 1));
        printf("%s %-12s|%s\\n", $mac, ntop($it->v4), $mac == macaddr(arg0) ? "same" : "other");
    """
    mac, other = "00:1A:2B:AA:BB:CC", "02:00:80:00:01:FF"
    text = f"(fe80::1, 1)\n{mac} 127.0.0.1   |same\n\n\n@[{mac}, fe80::1]: {other}\n@last: fe80::1\n"
    assert shown(program, statements) == text
    lines = [json.loads(line) for line in shown(program, statements, "-f", "json").splitlines()]
    assert lines[0] == {"type": "value", "data": ["fe80::1", 1]}
    assert lines[2] == {"type": "map", "data": {"@": {f"{mac},fe80::1": other}}}
