"""Makes a new tree out of an old one, replacing nodes and keeping the identity of every subtree that does not change.

Every pass that changes a tree walks it here, from the leaves up and with a stack of its own, so that neither long
chains of `else if` nor long sums end in Python's recursion limit. It must not know what a node means.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
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
    pending: list[tuple[ast.Node, list[ast.Node] | None]] = [(root, None)]
    while pending:
        node, below = pending.pop()
        if below is not None:
            changed = any(done[child] is not child for child in below)
            done[node] = leave(_rebuilt(node, done) if changed else node, node)
        elif node in done:
            continue
        elif enter is not None and not enter(node):
            done[node] = node
        elif below := ast.children(node):
            pending.append((node, below))
            pending.extend([(child, None) for child in reversed(below)])
        else:
            done[node] = leave(node, node)
    result: Any = done[root]
    return result  # type: ignore[no-any-return]  # `leave` gives a node that fits where the old one stood


def _rebuilt(node: ast.Node, done: dict[ast.Node, ast.Node]) -> ast.Node:
    changed: dict[str, Any] = {}
    for name in ast.node_members(node.__class__):
        value = getattr(node, name)
        if isinstance(value, tuple):
            changed[name] = tuple([done[item] for item in value])
        elif value is not None:
            changed[name] = done[value]
    return replace(node, **changed)


def copied(root: N) -> N:
    """The same tree made of new nodes, for a second place in the program: identity is the key of side tables."""
    return rewrite(root, lambda node, _: replace(node))


def moved(root: N, span: Span) -> N:
    """The same tree made of new nodes that all stand at one place of the script."""
    return rewrite(root, lambda node, _: replace(node, span=span))
