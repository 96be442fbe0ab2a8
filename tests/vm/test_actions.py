"""Actions and functions of the network whose code or whose kernel's side differs from kernel to kernel."""

from __future__ import annotations

import struct
import subprocess

import pytest

from .guest import Guest
from .tracing import trace

SOURCE = r"""
#include <arpa/inet.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>
struct shown { unsigned char mac[6]; unsigned char v6[16]; } shown = {{0, 0x1a, 0xff}, {0xfe, 0x80, [15] = 1}};
__attribute__((noinline)) void show(char **words, struct shown *it) { asm volatile("" ::: "memory"); }
int main(int count, char **words) {
    int sock = socket(AF_INET, SOCK_DGRAM, 0);
    struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(4242), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    show(words, &shown);
    ioctl(sock, SIOCSIFFLAGS, &request);
    bind(sock, (struct sockaddr *)&to, sizeof to);
    for (int i = 0; i < 5; i++) sendto(sock, "hello", 5, 0, (struct sockaddr *)&to, sizeof to);
    sleep(1);
    return 0;
}
"""


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("actions") / "program"
    subprocess.run(["gcc", "-x", "c", "-O1", "-o", path, "-"], input=SOURCE, text=True, check=True)
    return str(path)


@pytest.mark.kernels("6.1", "6.12", "newest")
def test_arguments_and_addresses_are_read(guest: Guest, program: str) -> None:
    script = f"""
    struct shown {{ unsigned char mac[6]; unsigned char v6[16]; }};
    uprobe:{program}:show {{
      join(arg0, "+");
      printf("%s %s\\n", macaddr(arg1), ntop(((struct shown *)arg1)->v6)); print(ntop(pton("1.2.3.4")));
      errorf("n = %d", 5);
    }}
    """
    done = trace(guest, script, workload=f"{program} a b")
    assert done.status == 0, done.stderr
    assert done.stdout.startswith(f"{program}+a+b\n00:1A:FF:00:00:00 fe80::1\n1.2.3.4\n"), done
    assert "ERROR: n = 5\n" in done.stderr


def test_arguments_of_a_system_call_are_joined(guest: Guest) -> None:
    script = 'tracepoint:syscalls:sys_enter_execve { join(args.argv, "+"); }'
    done = trace(guest, script, workload="/bin/env /bin/echo one two")
    assert "/bin/env+/bin/echo+one+two\n" in done.stdout, done
    assert "/bin/echo+one+two\n" in done.stdout, done


@pytest.mark.parametrize("probe", ["fentry:ip_rcv", "rawtracepoint:netif_receive_skb"])
def test_packets_are_written_into_a_file(guest: Guest, program: str, probe: str) -> None:
    file = "/tmp/packets.pcap"
    script = f'{probe} /args.skb->len == 33/ {{ @ = count(); skboutput("{file}", args.skb, args.skb->len, 0); }}'
    done = trace(guest, script, workload=program)
    assert (done.status, done.stdout) == (0, "\n\n@: 5\n"), done
    data = bytes.fromhex(guest.run(["od", "-An", "-v", "-tx1", file]).stdout)
    assert struct.unpack_from("=IHHiIII", data) == (0xA1B2C3D4, 2, 4, 0, 0, 65535, 101)
    assert len(data) == 24 + 5 * (16 + 33)
    assert struct.unpack_from("=II", data, 24 + 8) == (33, 33)
    assert (data[40] >> 4, data[-5:]) == (4, b"hello"), "from the header of IPv4 to the end"


@pytest.mark.kernels("6.1", "6.12", "newest")
def test_a_socket_has_a_cookie(guest: Guest, program: str) -> None:
    done = trace(guest, "fexit:udp_sendmsg { @ = max((uint64)socket_cookie(args.sk)); }", workload=program)
    assert done.status == 0, done.stderr
    assert int(done.stdout.split("@: ")[1]) > 0


def test_what_debugf_writes_is_in_the_trace(guest: Guest) -> None:
    # Newer kernels switch the event of their trace on a moment after a program with such a call is loaded.
    script = 'interval:ms:100 { debugf("mark %d %x %s", -1, 255, "text"); @++; if (@ > 20) { exit(); } }'
    done = trace(guest, script, "--no-warnings")
    assert done.status == 0, done.stderr
    assert "bpf_trace_printk: mark -1 ff text" in guest.run(["cat", "/sys/kernel/tracing/trace"]).stdout
