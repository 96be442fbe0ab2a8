"""How programs get onto functions of the kernel, with a kernel that is asked and refuses as these tests say."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Sequence

import pytest
from pybpftrace.core.linux import bpf, perf
from pybpftrace.core.linux.bpf_constants import AttachType
from pybpftrace.core.linux.errors import KernelError
from pybpftrace.core.probe import AttachPointError, AttachRequest, ConcretePoint, Setting
from pybpftrace.core.target import kallsyms
from pybpftrace.plugins.probes.links.kernel import attach, load_settings

PROGRAM = 77


def point(**settings: Setting) -> ConcretePoint:
    return ConcretePoint("kprobe", "kprobe:f", settings)


class Kernel:
    """Refuses a function or an address with the error that `refuses` has for it, and a link for what is in it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.refuses: dict[str | int, int] = {}
        self.code: list[int] = []
        self.events: list[tuple[str, int, int, bool]] = []
        self.links: list[tuple[tuple[str, ...], bool, int]] = []
        monkeypatch.setattr(perf, "open_kprobe", self.open_kprobe)
        monkeypatch.setattr(perf, "attach_program", self.attach_program)
        monkeypatch.setattr(bpf, "create_kprobe_multi_link", self.create_link)
        monkeypatch.setattr(kallsyms, "find_code", lambda symbol: self.code)

    def open_kprobe(self, function: str, offset: int = 0, address: int = 0, *, is_return: bool) -> int:
        if refusal := self.refuses.get(function or address):
            raise KernelError(refusal, "perf_event_open", "a kprobe")
        self.events.append((function, offset, address, is_return))
        return os.open(os.devnull, os.O_RDONLY)

    def attach_program(self, event: int, program: int, *, keep: Callable[[int], None]) -> int:
        """As a kernel with links does it: the event is kept beside the link."""
        assert program == PROGRAM
        keep(event)
        return os.open(os.devnull, os.O_RDONLY)

    def create_link(self, program: int, functions: Sequence[str], *, is_return: bool, attach_type: int) -> int:
        assert program == PROGRAM
        for function in functions:
            if refusal := self.refuses.get(function):
                raise KernelError(refusal, "bpf(BPF_LINK_CREATE)", "functions")
        self.links.append((tuple(functions), is_return, attach_type))
        return os.open(os.devnull, os.O_RDONLY)


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> Kernel:
    return Kernel(monkeypatch)


def attached(place: ConcretePoint, *, is_return: bool = False) -> list[str]:
    """The warnings. No descriptor may stay open once the link and what it left behind are closed."""
    before = set(os.listdir("/proc/self/fd"))
    warnings: list[str] = []
    kept: list[int] = []
    try:
        attach(place, AttachRequest(PROGRAM, None, (0,), warnings.append, kept.append), is_return=is_return).close()
    finally:
        for descriptor in kept:
            os.close(descriptor)
        assert set(os.listdir("/proc/self/fd")) <= before  # what earlier tests left may be collected meanwhile
    return warnings


def refusal(place: ConcretePoint) -> str:
    with pytest.raises(AttachPointError) as caught:
        attached(place)
    return str(caught.value)


def test_one_function_is_one_event(kernel: Kernel) -> None:
    assert attached(point(symbol="xfs:f", offset=16), is_return=True) == []
    assert kernel.events == [("xfs:f", 16, 0, True)]


def test_an_address_is_passed_on(kernel: Kernel) -> None:
    assert attached(point(address=0xFFFF0000)) == []
    assert kernel.events == [("", 0, 0xFFFF0000, False)]


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (errno.ENOENT, "Probe does not exist: kprobe:f"),
        (errno.EILSEQ, "Possible attachment attempt in the middle of an instruction, try a different offset."),
        (
            errno.EINVAL,
            "kprobe:f cannot be probed: no function, inlined, or needed by the kernel's own probes",
        ),
        (
            errno.EADDRNOTAVAIL,
            "Several functions of the kernel have the name of kprobe:f, and it hides their addresses",
        ),
    ],
)
def test_what_the_kernel_says_of_a_function_is_said_in_words(kernel: Kernel, error: int, text: str) -> None:
    kernel.refuses = {"f": error}
    assert refusal(point(symbol="f", offset=0)) == text


def test_another_error_stays_the_kernels(kernel: Kernel) -> None:
    kernel.refuses = {"f": errno.EMFILE}
    with pytest.raises(KernelError) as caught:
        attached(point(symbol="f", offset=0))
    assert caught.value.errno == errno.EMFILE


def test_a_name_of_several_functions_is_all_of_them(kernel: Kernel) -> None:
    kernel.refuses = {"f": errno.EADDRNOTAVAIL, 0x2000: errno.EINVAL}
    kernel.code = [0x1000, 0x2000, 0x3000]
    assert attached(point(symbol="f", offset=4)) == []
    assert [address for _, _, address, _ in kernel.events] == [0x1004, 0x2004, 0x3004]
    kernel.events.clear()
    assert attached(point(symbol="f", offset=0)) == []
    assert [address for _, _, address, _ in kernel.events] == [0x1000, 0x3000]


def test_several_functions_of_which_none_can_be_probed_are_refused(kernel: Kernel) -> None:
    kernel.refuses = {"f": errno.EADDRNOTAVAIL, 0x1000: errno.EINVAL, 0x2000: errno.EINVAL}
    kernel.code = [0x1000, 0x2000]
    assert refusal(point(symbol="f", offset=0)).startswith("kprobe:f cannot be probed")


def test_a_failure_in_between_leaves_nothing_behind(kernel: Kernel) -> None:
    kernel.refuses = {"f": errno.EADDRNOTAVAIL, 0x2000: errno.EMFILE}
    kernel.code = [0x1000, 0x2000]
    with pytest.raises(KernelError):
        attached(point(symbol="f", offset=0))
    assert len(kernel.events) == 1


MANY = tuple(f"f{number}" for number in range(2000))


def test_many_functions_are_one_link(kernel: Kernel) -> None:
    assert attached(point(functions=MANY), is_return=True) == []
    assert kernel.links == [(MANY, True, AttachType.TRACE_KPROBE_MULTI)]


def test_a_session_is_a_link_of_its_own_type(kernel: Kernel) -> None:
    assert attached(point(functions=("f",), session=1)) == []
    assert kernel.links == [(("f",), False, AttachType.TRACE_KPROBE_SESSION)]


def test_a_program_is_loaded_as_what_it_is_attached_as() -> None:
    assert load_settings(point(symbol="f", offset=0)).attach_type == 0
    assert load_settings(point(functions=("f",))).attach_type == AttachType.TRACE_KPROBE_MULTI
    assert load_settings(point(functions=("f",), session=1)).attach_type == AttachType.TRACE_KPROBE_SESSION


def test_functions_that_the_kernel_refuses_are_found_and_left_out_with_a_warning(kernel: Kernel) -> None:
    kernel.refuses = {"f7": errno.ESRCH, "f8": errno.ENOENT, "f1999": errno.EINVAL}
    assert attached(point(functions=MANY)) == ["kprobe:f: 3 of 2000 functions cannot be probed. Skipping those."]
    whole, _, _ = kernel.links[-1]
    assert whole == tuple(name for name in MANY if name not in kernel.refuses)
    assert len(kernel.links) < 200


def test_many_of_which_none_is_there_are_refused_without_a_search(kernel: Kernel) -> None:
    kernel.refuses = dict.fromkeys(MANY, errno.ESRCH)
    assert refusal(point(functions=MANY)) == "Probe does not exist: kprobe:f"
    assert kernel.links == []


def test_an_error_that_is_not_about_functions_is_the_kernels(kernel: Kernel) -> None:
    kernel.refuses = {"f1999": errno.ENOMEM}
    with pytest.raises(KernelError):
        attached(point(functions=MANY))
    assert kernel.links == []


@pytest.mark.parametrize("settings", [{"symbol": "f", "offset": 0}, {"functions": ("f",)}])
def test_a_function_whose_place_may_not_be_taken_is_told_where_those_are_that_may(
    kernel: Kernel, settings: dict[str, Setting]
) -> None:
    kernel.refuses["f"] = errno.EINVAL
    asked = AttachRequest(PROGRAM, None, (0,), [].append, [].append)
    call_of_override_return = bytes.fromhex("850000003a000000")
    with pytest.raises(AttachPointError) as caught:
        attach(point(**settings), asked, is_return=False, instructions=call_of_override_return)
    assert str(caught.value) == (
        "kprobe:f cannot be overridden: the kernel permits it for functions in /sys/kernel/debug/error_injection/list "
        "only, at their beginning"
    )
