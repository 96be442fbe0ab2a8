"""The order of probes and of statements says nothing about types."""

from __future__ import annotations

from checking import Checked
from hypothesis import given, settings
from hypothesis import strategies as st

NAMES = ("a", "b", "c")
NUMBERS = ("1", "300", "-1", "-70000", "(uint8)7", "(int8)7", "(uint16)7", "(int32)7", "pid", "nsecs", "(int64)7")
TEXTS = ('"x"', '"longer"', "comm")


def numbers(sigil: str) -> st.SearchStrategy[str]:
    """Expressions of literals, of what has a sign, and of other names."""
    names = st.sampled_from([f"{sigil}{name}" for name in NAMES])
    atoms = st.sampled_from(NUMBERS) | names
    operators = st.sampled_from(["+", "-", "*", "&", ">>"])
    return st.one_of(
        atoms,
        st.builds("{} {} {}".format, atoms, operators, names),
        st.builds("{}{}".format, st.sampled_from("-~"), names),
        st.builds("(pid == 1 ? {} : {})".format, atoms, names),
    )


def changes(sigil: str) -> st.SearchStrategy[list[str]]:
    """Statements that give the names values made of each other."""
    names = st.sampled_from([f"{sigil}{name}" for name in NAMES])
    one = st.one_of(
        st.builds("{} = {};".format, names, numbers(sigil)),
        st.builds("{} = {};".format, names, st.sampled_from(NUMBERS)),
        st.builds("{} += {};".format, names, numbers(sigil)),
        st.builds("{}{};".format, names, st.sampled_from(["++", "--"])),
    )
    return st.lists(one, min_size=2, max_size=7)


def in_any_order(statements: st.SearchStrategy[list[str]]) -> st.SearchStrategy[tuple[list[str], list[str]]]:
    return statements.flatmap(lambda written: st.tuples(st.just(written), st.permutations(written)))


def in_probes(statements: list[str]) -> dict[str, tuple[str, str]] | None:
    """The types of the maps, each statement in a probe of its own; None for a script that is refused."""
    checked = Checked(" ".join(f"interval:ms:{index} {{ {text} }}" for index, text in enumerate(statements, 1)))
    return checked.maps() if checked.typed is not None else None


@given(in_any_order(changes("@")))
@settings(max_examples=150, deadline=None)
def test_types_of_maps_do_not_depend_on_the_order_of_probes(orders: tuple[list[str], list[str]]) -> None:
    one, other = orders
    assert in_probes(one) == in_probes(other)


@given(in_any_order(changes("$")))
@settings(max_examples=150, deadline=None)
def test_types_of_variables_do_not_depend_on_the_order_of_statements(orders: tuple[list[str], list[str]]) -> None:
    found = []
    for statements in orders:
        checked = Checked("begin { " + "".join(f"let ${name}; " for name in NAMES) + " ".join(statements) + " }")
        found.append(checked.variables() if checked.typed is not None else None)
    assert found[0] == found[1]


IN_LOOP = ("", "@s = $kv.1;", "@k[$kv.0 + 1] = comm;")
USES = st.one_of(
    st.builds("@k[{}] = {};".format, st.sampled_from(NUMBERS), st.sampled_from(TEXTS)),
    st.builds("print(@k[{}]);".format, st.sampled_from(NUMBERS)),
    st.builds("for ($kv : @k) {{ @t = $kv; {} }}".format, st.sampled_from(IN_LOOP)),
    st.builds("@s = {};".format, st.sampled_from((*TEXTS, "@k[1]", "@s"))),
    st.builds("@t = ({}, {});".format, st.sampled_from(NUMBERS), st.sampled_from((*TEXTS, "@s"))),
)


@given(in_any_order(st.lists(USES, min_size=2, max_size=6)))
@settings(max_examples=150, deadline=None)
def test_keys_strings_and_tuples_do_not_either(orders: tuple[list[str], list[str]]) -> None:
    one, other = orders
    assert in_probes(one) == in_probes(other)
