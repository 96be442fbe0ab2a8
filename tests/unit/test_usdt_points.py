"""How usdt attach points are read, which markers they find, what `-l` lists, and what is said when there are none."""

from __future__ import annotations

import pytest
from checking import GOLDEN_TARGET, Checked
from match_requests import request
from pybpftrace.core.binary.elf_format import ElfError
from pybpftrace.core.linux.bpf_constants import AttachType
from pybpftrace.core.probe import AttachPointError, ConcretePoint, NoMatch
from pybpftrace.core.target import UsdtMarker
from pybpftrace.core.target.directory import DirectoryTarget
from pybpftrace.plugins.probes.links.usdt import load_settings
from pybpftrace.plugins.probes.usdt import PROBE_TYPES

(USDT,) = PROBE_TYPES
PID = 77


def marker(path: str, name: str, offset: int = 16, arguments: str = "", semaphore: int = 0) -> UsdtMarker:
    provider, _, short = name.partition(":")
    return UsdtMarker(path, provider, short, offset, semaphore, arguments, "x86_64")


class Machine(DirectoryTarget):
    """Two files with markers, one of them mapped by the process 77, and one that is corrupt."""

    def __init__(self, *, without: frozenset[str] = frozenset()) -> None:
        super().__init__(str(GOLDEN_TARGET))
        self.without = without

    @property
    def features(self) -> frozenset[str]:
        return frozenset({"get_attach_cookie", "uprobe_multi", "bpf_link_perf_event"}) - self.without

    def resolve_binary(
        self, name: str, pid: int | None = None, *, any_file: bool = False, short_names: bool = True
    ) -> list[str]:
        assert not short_names, "usdt knows no short names of libraries"
        known = {
            "app": ["/bin/app"],
            "/bin/app": ["/bin/app"],
            "/bin/*": ["/bin/app", "/bin/corrupt"],
            "/bin/corrupt": ["/bin/corrupt"],
            "*": ["/bin/app", "/bin/corrupt", "/lib/libq.so"] if pid is None else ["/lib/libq.so"],
        }
        return known.get(name, [])

    def usdt_markers(self, path: str) -> list[UsdtMarker]:
        if path == "/bin/corrupt":
            raise ElfError("/bin/corrupt: a note of 9 bytes in 1 bytes of notes: corrupt")
        found = {
            "/bin/app": [
                marker(path, "app:float", 8, "8f@%xmm0"),
                marker(path, "app:turn", 16, "-4@%edi 8@%rsi", 100),
                marker(path, "app:turn", 32, "-4@%eax 8@%rsi"),
                marker(path, "app:turn", 48, "-4@%edi 8@%rsi"),
                marker(path, "other:turn", 64, "1@$3"),
            ],
            "/lib/libq.so": [marker(path, "q:push", 4), marker(path, "q:pop", 12)],
        }
        return found.get(path, [])


def matched(
    *parts: str, pid: int | None = None, without: frozenset[str] = frozenset()
) -> list[ConcretePoint]:
    return USDT.match(USDT.parse(parts), request(Machine(without=without), pid=pid))


def names(*parts: str, pid: int | None = None) -> list[str]:
    return [point.name for point in matched(*parts, pid=pid)]


@pytest.mark.parametrize(
    ("parts", "text"),
    [
        ((), "usdt probe type requires 2 or 3 arguments, found 0"),
        (("a", "b", "c", "d"), "usdt probe type requires 2 or 3 arguments, found 4"),
        (("",), "usdt probe must have the name of a marker or a wildcard"),
        (("/bin/app", "app", ""), "usdt probe must have the name of a marker or a wildcard"),
    ],
)
def test_an_attach_point_of_another_form_is_refused(parts: tuple[str, ...], text: str) -> None:
    with pytest.raises(AttachPointError) as caught:
        USDT.parse(parts)
    assert str(caught.value) == text


def test_a_marker_is_one_point_with_all_its_places() -> None:
    (point,) = matched("app", "app", "turn")
    assert point == ConcretePoint(
        "usdt",
        "usdt:/bin/app:app:turn",
        {
            "path": "/bin/app",
            "offsets": (16, 32, 48),
            "semaphores": (100, 0, 0),
            "cookies": (0, 1, 0),
            "arguments": ("-4@%edi 8@%rsi", "-4@%eax 8@%rsi"),
            "machine": "x86_64",
            "multi": 1,
        },
    )


def test_a_provider_that_is_left_out_is_any() -> None:
    expected = ["usdt:/bin/app:app:turn", "usdt:/bin/app:other:turn"]
    assert names("app", "turn") == names("app", "", "turn") == names("app", "*", "turn") == expected


def test_wildcards_may_be_anywhere() -> None:
    assert names("app", "o*", "t*n") == ["usdt:/bin/app:other:turn"]
    assert names("/bin/*", "float") == ["usdt:/bin/app:app:float"]
    assert names("*", "q", "p*") == ["usdt:/lib/libq.so:q:push", "usdt:/lib/libq.so:q:pop"]
    assert names("app", "nothing*") == []


def test_a_process_gives_its_files() -> None:
    assert names("push", pid=PID) == names("*", "push", pid=PID) == ["usdt:/lib/libq.so:q:push"]


@pytest.mark.parametrize(
    ("parts", "pid", "text"),
    [
        (("turn",), None, "usdt probe must specify at least path or pid to probe"),
        (("", "turn"), None, "usdt probe must specify at least path or pid to probe"),
        (("nowhere", "turn"), None, "usdt target file 'nowhere' does not exist or is not executable"),
        (("app", "trun"), None, "No matches for usdt /bin/app:trun."),
        (("app", "app", "trun"), None, "No matches for usdt /bin/app:app:trun."),
        (("turn",), PID, "No matches for usdt process 77:turn."),
        (("/bin/corrupt", "turn"), None, "/bin/corrupt: a note of 9 bytes in 1 bytes of notes: corrupt"),
    ],
)
def test_what_is_not_there_is_told_apart(parts: tuple[str, ...], pid: int | None, text: str) -> None:
    with pytest.raises(AttachPointError) as caught:
        matched(*parts, pid=pid)
    assert str(caught.value) == text


def test_a_missing_marker_has_similar_names_as_hints() -> None:
    with pytest.raises(NoMatch) as caught:
        matched("app", "trun")
    assert caught.value.hints == ("did you mean 'turn'?",)
    with pytest.raises(NoMatch) as caught:
        matched("app", "app", "trun")
    assert caught.value.hints == ("did you mean 'app:turn'?",)


def test_without_uprobe_multi_every_place_is_an_event_of_its_own() -> None:
    (point,) = matched("app", "app", "turn", without=frozenset({"uprobe_multi"}))
    assert point.number("multi") == 0
    assert point.numbers("cookies") == (0, 1, 0)
    assert load_settings(point).attach_type == 0
    assert load_settings(matched("app", "app", "turn")[0]).attach_type == AttachType.TRACE_UPROBE_MULTI


def test_without_cookies_there_is_a_point_for_each_text_of_descriptions() -> None:
    points = matched("app", "app", "turn", without=frozenset({"uprobe_multi", "get_attach_cookie"}))
    assert [(p.name, p.numbers("offsets"), p.texts("arguments"), p.number("multi")) for p in points] == [
        ("usdt:/bin/app:app:turn", (16, 48), ("-4@%edi 8@%rsi",), 0),
        ("usdt:/bin/app:app:turn", (32,), ("-4@%eax 8@%rsi",), 0),
    ]


@pytest.mark.parametrize(
    ("parts", "pid", "expected"),
    [
        (("/bin/app",), None, ["/bin/app:app:float", "/bin/app:app:turn", "/bin/app:other:turn"]),
        (("/bin/app", "*"), None, ["/bin/app:app:float", "/bin/app:app:turn", "/bin/app:other:turn"]),
        (("/bin/app", "o*", "*"), None, ["/bin/app:other:turn"]),
        (("/bin/*", "float"), None, ["/bin/app:app:float"]),
        (("p*",), None, ["/lib/libq.so:q:push", "/lib/libq.so:q:pop"]),
        (("*libq*", "push"), None, ["/lib/libq.so:q:push"]),
        (("*",), PID, ["/lib/libq.so:q:push", "/lib/libq.so:q:pop"]),
        # A name that was found on $PATH is not the text of what is listed.
        (("app", "*"), None, []),
        (("/bin/corrupt", "*"), None, []),
        (("a", "b", "c", "d"), None, []),
        ((), None, []),
    ],
)
def test_markers_are_listed_with_the_paths_of_their_files(
    parts: tuple[str, ...], pid: int | None, expected: list[str]
) -> None:
    assert list(USDT.listed(parts, request(Machine(), pid=pid))) == [f"usdt:{name}" for name in expected]


def test_an_argument_is_a_signed_number_and_one_too_many_is_no_error() -> None:
    checked = Checked("usdt:/bin/app:app:turn { $a = arg0; $b = arg1; $c = arg250 }", target=Machine())
    assert {name: str(type_) for name, type_ in checked.variables().items()} == dict.fromkeys(
        ["$a", "$b", "$c"], "int64"
    )


def test_an_argument_that_cannot_be_read_is_refused_at_its_use() -> None:
    checked = Checked("usdt:/bin/app:app:* { print(arg0) }", target=Machine())
    assert checked.printed == (
        "t:1:29-33: ERROR: arg0 of usdt:/bin/app:app:float cannot be read: it is '8f@%xmm0': BPF programs do not see "
        "floating-point numbers\n"
        "usdt:/bin/app:app:* { print(arg0) }\n"
        "                            ~~~~\n"
    )


def test_programs_of_another_machine_have_no_arguments_here() -> None:
    (point,) = matched("app", "other", "turn")
    with pytest.raises(AttachPointError) as caught:
        USDT.argument(point, 0, "aarch64")
    assert str(caught.value) == (
        "arg0 of usdt:/bin/app:other:turn cannot be read: it is '1@$3': the program is not one for aarch64"
    )


def test_a_marker_returns_nothing() -> None:
    checked = Checked("usdt:/bin/app:app:turn { print(retval) }", target=Machine())
    text = "The retval builtin can only be used with 'kretprobe' and 'uretprobe' and 'fentry' probes"
    assert checked.messages == [f"ERROR: {text}"]


def test_a_missing_marker_is_an_error_of_its_attach_point() -> None:
    checked = Checked("U:app:turn { print(probe) } usdt:app:nope { }", target=Machine())
    assert checked.messages == ["ERROR: No matches for usdt /bin/app:nope."]
