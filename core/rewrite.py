"""Makes a new tree out of an old one, replacing nodes and keeping the identity of every subtree that does not change.

Every pass that changes a tree walks it here, from the leaves up and with a stack of its own, so that neither long
chains of `else if` nor long sums end in Python's recursion limit. It must not know what a node means.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any, TypeVar

from . import ast
from .source import Span

N = TypeVar("N", bound=ast.Node)

#: `leave(node, written)`: what takes the node's place. `node` has its children rewritten already; `written` is the node
#: as it was, and the same object where nothing below it changed.
Leave = Callable[[ast.Node, ast.Node], ast.Node]
#: `enter(node)`: whether to look into the node at all; called on parents before their children.
Enter = Callable[[ast.Node], bool]


def rewrite(root: N, leave: Leave, enter: Enter | None = None) -> N:
    """The tree with every node given to `leave`, children first and in the order of the source.

    A node that stands in two places (the `a` of `a ?: b`) is rewritten once and stays one.
    """
    done: dict[ast.Node, ast.Node] = {}
    pending: list[tuple[ast.Node, bool]] = [(root, False)]
    while pending:
        node, children_done = pending.pop()
        if children_done:
            done[node] = leave(_rebuilt(node, done), node)
        elif node in done:
            continue
        elif enter is not None and not enter(node):
            done[node] = node
        else:
            pending.append((node, True))
            pending.extend((child, False) for child in reversed(list(ast.children(node))))
    result: Any = done[root]
    return result  # type: ignore[no-any-return]  # `leave` gives a node that fits where the old one stood


def _rebuilt(node: ast.Node, done: dict[ast.Node, ast.Node]) -> ast.Node:
    changed: dict[str, Any] = {}
    for member in fields(node):
        value = getattr(node, member.name)
        if isinstance(value, ast.Node):
            if done[value] is not value:
                changed[member.name] = done[value]
        elif isinstance(value, tuple) and value and isinstance(value[0], ast.Node):
            items = tuple(done[item] for item in value)
            if any(new is not old for new, old in zip(items, value, strict=True)):
                changed[member.name] = items
    return replace(node, **changed) if changed else node


def copied(root: N) -> N:
    """The same tree made of new nodes, for a second place in the program: identity is the key of side tables."""
    return rewrite(root, lambda node, _: replace(node))


def moved(root: N, span: Span) -> N:
    """The same tree made of new nodes that all stand at one place of the script."""
    return rewrite(root, lambda node, _: replace(node, span=span))
