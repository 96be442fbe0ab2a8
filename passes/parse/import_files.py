"""How what a script imports comes into it: other scripts, C headers, C files, directories of all of them.

An imported script's text is put behind the importing one's in one joined source, so that every span of the program
points into the same text. An import runs with the tracer's rights, so a file or directory that everybody can write is
refused. What the files say is the parser's and the C preamble's business.
"""

from __future__ import annotations

import os
import stat
from dataclasses import replace

from ...core import ast
from ...core.compilation import Compilation
from ...core.rewrite import rewrite
from ...core.source import Span
from ...core.target.dependency import Dependency, file_fact, text_fact
from .syntax import parse_file

NOT_FOUND = "Unable to find suitable path for import"
SKIPPED = "skipping due to global write permissions"
REFUSED = "cowardly refusing to import from a directory with global write permissions"
STATEMENT = "Import statements that are not at the top level are primarily for the standard library"
#: Bytes of one imported script, and how deep imports nest.
SIZE_LIMIT, DEPTH_LIMIT = 16 << 20, 64
_SCRIPT, _HEADER, _C_FILE, _OBJECT = ".bt", ".h", ".bpf.c", ".bpf.o"
_SUPPORTED = (_SCRIPT, _HEADER, _C_FILE, _OBJECT)


def resolve(program: ast.Program, compilation: Compilation) -> ast.Program:
    """The program with all that it imports, and with the joined source."""
    importer = _Importer(program, compilation)
    pieces = importer.script(program, compilation.options.directory, 0)
    source = importer.source
    compilation.diagnostics.source = source
    return ast.Program(
        Span(0, len(source.text)),
        source,
        tuple(definition for piece in pieces for definition in piece.preamble),
        program.configs,
        (),
        tuple(declaration for piece in pieces for declaration in piece.maps),
        tuple(macro for piece in pieces for macro in piece.macros),
        tuple(function for piece in pieces for function in piece.functions),
        tuple(probe for piece in pieces for probe in piece.probes),
        tuple(file for piece in pieces for file in piece.c_files),
    )


class _Importer:
    """One run of the pass: the source so far, and which files are in it."""

    def __init__(self, program: ast.Program, compilation: Compilation) -> None:
        self.source = program.source
        self._config = compilation.config
        self._diagnostics = compilation.diagnostics
        self._target = compilation.target
        self._known: set[tuple[int, int]] = set()
        self._know(program.source.name)

    def _know(self, path: str) -> bool:
        """Whether the file is new; it is known from now on."""
        try:
            status = os.stat(path)
        except (OSError, ValueError):
            return True
        identity = status.st_dev, status.st_ino
        if identity in self._known:
            return False
        self._known.add(identity)
        return True

    def script(self, program: ast.Program, directory: str, depth: int) -> list[ast.Program]:
        """The pieces of the program in order: what it imports, then itself without the imports."""
        pieces: list[ast.Program] = []
        for node in program.imports:
            pieces += self._resolve(node, directory, depth)
        if any(isinstance(node, ast.Block) and _imports(node) for node in ast.walk(program)):

            def leave(node: ast.Node, written: ast.Node) -> ast.Node:
                if not isinstance(node, ast.Block) or not _imports(node):
                    return node
                for statement in _imports(node):
                    if self._allows_statement(statement):
                        pieces.extend(self._resolve(statement, directory, depth))
                kept = tuple(statement for statement in node.statements if not isinstance(statement, ast.Import))
                return replace(node, statements=kept)

            program = rewrite(program, leave)
        return [*pieces, program]

    def _allows_statement(self, node: ast.Import) -> bool:
        choice = self._config.unstable_import_statement
        hint = "Set unstable_import_statement=enable to use them in this script."
        if choice == "error":
            self._diagnostics.error(STATEMENT, node.span, hints=[hint])
        elif choice == "warn":
            self._diagnostics.warning(STATEMENT, node.span, hints=[hint])
        return choice != "error"

    def _resolve(self, node: ast.Import, directory: str, depth: int) -> list[ast.Program]:
        name = os.fsdecode(node.path)
        path = os.path.normpath(os.path.join(directory, name))
        if "\0" in name or not name or not os.path.exists(path):
            self._diagnostics.error(NOT_FOUND, node.span, hints=[f"looked for {path!r}"])
            return []
        if _is_writable_by_all(path):
            if name.startswith(("/", "./", "../")):
                self._diagnostics.error(REFUSED, node.span)
            else:
                self._diagnostics.warning(SKIPPED, node.span)
                self._diagnostics.error(NOT_FOUND, node.span, hints=[f"looked for {path!r}"])
            return []
        return self._directory(path, node, depth) if os.path.isdir(path) else self._file(path, node, depth)

    def _directory(self, path: str, node: ast.Import, depth: int) -> list[ast.Program]:
        try:
            self._target.remember(Dependency("file", path, file_fact(path)))
            names = sorted(os.listdir(path))
        except OSError as error:
            self._failed(error.strerror, node)
            return []
        pieces: list[ast.Program] = []
        for name in names:
            inner = os.path.join(path, name)
            if not name.endswith(_SUPPORTED) or os.path.isdir(inner):
                continue
            if name.endswith(_OBJECT) and name.removesuffix(_OBJECT) + _C_FILE in names:
                continue  # what the C file beside it was compiled to
            if _is_writable_by_all(inner):
                self._diagnostics.error(REFUSED, node.span, hints=[f"everybody can write {inner!r}"])
                continue
            pieces += self._file(inner, node, depth)
        return pieces

    def _file(self, path: str, node: ast.Import, depth: int) -> list[ast.Program]:
        if path.endswith(_OBJECT):
            self._diagnostics.error(
                f"cannot import {os.path.basename(path)!r}: compiled BPF objects cannot be linked into a script's "
                "programs",
                node.span,
                hints=["import the C file that it was compiled from (.bpf.c), which is compiled along with the script"],
            )
            return []
        if not path.endswith(_SUPPORTED):
            self._diagnostics.error(f"unknown import type: {os.path.basename(path)!r}", node.span)
            return []
        if depth == DEPTH_LIMIT:
            self._diagnostics.error(f"imports nest deeper than {DEPTH_LIMIT} files", node.span)
            return []
        if not self._know(path):
            return []
        content = self._content(path, node)
        if content is None:
            return []
        self._target.remember(Dependency("text", path, text_fact(content)))
        if path.endswith(_C_FILE):
            return [self._c_file(path, content, node)]
        return [self._header(path, node)] if path.endswith(_HEADER) else self._imported(path, content, depth)

    def _content(self, path: str, node: ast.Import) -> bytes | None:
        try:
            # Opening a FIFO would wait for a writer.
            with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
                if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                    self._failed("it is no regular file", node)
                    return None
                content = file.read(SIZE_LIMIT + 1)
        except OSError as error:
            self._failed(error.strerror, node)
            return None
        if len(content) > SIZE_LIMIT:
            self._failed(f"it has more than {SIZE_LIMIT} bytes", node)
            return None
        return content

    def _failed(self, why: str | None, node: ast.Import) -> None:
        self._diagnostics.error(f"error reading import: {why}", node.span)

    def _header(self, path: str, node: ast.Import) -> ast.Program:
        """A piece with one `#include`, so that the header's own includes are found beside it."""
        absolute = os.path.abspath(path)
        if not absolute.isprintable() or '"' in absolute:
            self._failed("a header's path cannot have such characters", node)
        include = ast.CDefinition(node.span, f'#include "{os.fsencode(absolute).decode("latin-1")}"')
        return ast.Program(node.span, self.source, (include,), (), (), (), (), (), ())

    def _c_file(self, path: str, content: bytes, node: ast.Import) -> ast.Program:
        """A piece with one C file, which a later stage compiles; its text is there to be shown."""
        self.source, _ = self.source.with_file(path, content.decode("latin-1"))
        self._diagnostics.source = self.source
        return ast.Program(node.span, self.source, (), (), (), (), (), (), (), (ast.CFile(node.span, path),))

    def _imported(self, path: str, content: bytes, depth: int) -> list[ast.Program]:
        self.source, offset = self.source.with_file(path, content.decode("latin-1"))
        # Spans reach into this source now, also those of errors that come before the pass has ended.
        self._diagnostics.source = self.source
        program = parse_file(self.source, offset, self._diagnostics)
        for config in program.configs:
            self._diagnostics.error("invalid `config` within import", config.span)
        return self.script(program, os.path.dirname(path), depth + 1)


def _imports(block: ast.Block) -> list[ast.Import]:
    return [statement for statement in block.statements if isinstance(statement, ast.Import)]


def _is_writable_by_all(path: str) -> bool:
    """Whether everybody can write the file or directory, or swap it for another one."""
    real = os.path.realpath(path)
    places = {path, real, os.path.dirname(path) or ".", os.path.dirname(real)}
    return any(os.stat(place).st_mode & stat.S_IWOTH for place in places)
