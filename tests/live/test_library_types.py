"""The types that the library's functions own, written in a script: declarations, casts and sizes."""

from __future__ import annotations

import pytest
from tracing import run

pytestmark = pytest.mark.live


def printed(body: str) -> str:
    done = run("--no-cache", "-q", "-e", f"begin {{ {body} exit(); }}")
    assert (done.status, done.stderr) == (0, "")
    return done.stdout.rstrip("\n")


def test_a_variable_can_be_declared_with_each_of_them() -> None:
    body = """
        let $mac: macaddr_t = macaddr(pton("1122:3344:5566::")); let $address: inet = ntop(1);
        let $sized: inet[24] = ntop(pton("::1")); let $group: cgroup_path_t = cgroup_path(1);
        let $who: username_t = username; $group = cgroup_path(123456789012);
        print(($mac, $address, $sized, $who, $group));
    """
    assert printed(body) == "(11:22:33:44:55:66, 1.0.0.0, ::1, root, )"


def test_a_declared_moment_has_the_format_that_it_is_given() -> None:
    body = 'let $when: timestamp = strftime("%%", nsecs); print($when); $when = strftime("x", nsecs); print($when);'
    assert printed(body) == "%\nx"


def test_paths_with_several_filters_share_a_variable_and_a_map() -> None:
    body = """
        $group = cgroup_path(1, "no such"); @[1] = cgroup_path(1, "*"); @[2] = cgroup_path(1, "none either");
        print($group); $group = cgroup_path(1); print($group == @[1]);
    """
    lines = printed(body).splitlines()
    assert (lines[0], lines[1], lines[-1]) == ("", "true", "@[2]: ")


def test_a_number_can_be_a_user() -> None:
    assert printed("$id = 0; print(((username_t)$id, (username_t)4294967294)); @ = username; @ = (username_t)uid;") == (
        "(root, )\n\n\n@: root"
    )


def test_their_sizes_are_known() -> None:
    body = "print((sizeof(username_t), sizeof(macaddr_t), sizeof(inet), sizeof(timestamp), sizeof(cgroup_path_t)));"
    assert printed(body) == "(8, 6, 24, 16, 16)"


@pytest.mark.parametrize("name", ["macaddr_t", "inet", "timestamp", "cgroup_path_t"])
def test_a_number_cannot_be_any_other_of_them(name: str) -> None:
    done = run("--no-cache", "-q", "-e", f"begin {{ print(({name})5); }}")
    assert done.status == 1
    shown = {"macaddr_t": "mac_address", "inet": "inet[24]"}.get(name, name)
    assert f'ERROR: Cannot cast from "int8" to "{shown}"\n' in done.stderr


def test_typeinfo_has_the_word_of_each_kind_and_the_full_name() -> None:
    config = "config = { unstable_typeinfo = enable } "
    body = """
        @sum = sum((uint64)1); @stats = stats((uint64)1); @plain = min(-1);
        print((typeinfo(@sum).base_type, typeinfo(@sum).full_type, typeinfo(@stats).base_type,
               typeinfo(@stats).full_type, typeinfo(@plain).full_type, typeinfo(cgroup_path(1)).base_type,
               typeinfo(kstack(raw, 3)).base_type, typeinfo(ntop(1)).base_type));
        clear(@sum); clear(@stats); clear(@plain);
    """
    done = run("--no-cache", "-q", "-e", f"{config}begin {{ {body} exit(); }}")
    words = "sum_t, usum_t, stats_t, ustats_t, min_t, cgroup_path_t, kstack, inet"
    assert (done.stdout.rstrip("\n"), done.stderr) == (f"({words})", "")
