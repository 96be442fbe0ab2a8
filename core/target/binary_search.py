"""What the FILE of an attach point means: names that people write, as paths that the kernel knows.

Puts the loader's cache, the search path and the processes together; a search is also a fact that a compilation depends
on, so it has a text form. It must not know of probes, nor look into more of a file than its header.
"""

from __future__ import annotations

import os

from ..frozen import dataclass

#: The name of a search for all files that are mapped as code.
EVERYTHING = "*"


@dataclass(frozen=True, slots=True)
class BinarySearch:
    """A path, a name on $PATH, or either with a glob. '*' means every mapped file; '' the program of the process.

    `pid` is the process of `-p`, whose view of the files counts, 0 without one. `any_file` also accepts what is no
    ELF file. `short_names`: "libc" means a library.
    """

    name: str
    pid: int = 0
    any_file: bool = False
    short_names: bool = True

    @property
    def key(self) -> str:
        """The search as text: PID, flags or '-', NAME."""
        flags = ("a" if self.any_file else "") + ("s" if self.short_names else "")
        return f"{self.pid} {flags or '-'} {self.name}"

    @staticmethod
    def from_key(key: str) -> BinarySearch:
        """Raises ValueError."""
        pid, flags, name = key.split(" ", 2)
        return BinarySearch(name, int(pid), "a" in flags, "s" in flags)

    @property
    def is_plain(self) -> bool:
        """Whether it is fully described by its name."""
        return not self.pid and not self.any_file and self.short_names

    def paths(self) -> tuple[str, ...]:
        """In the order of preference, each file once. Raises OSError; ElfError for a loader cache that is corrupt."""
        files: dict[object, str] = {}
        for path in self._found():
            try:
                status = os.stat(path)
            except OSError:
                files.setdefault(path, path)  # in an archive
            else:
                # /bin/ls and /usr/bin/ls are mostly one file, and so are libx.so and libx.so.1.
                files.setdefault((status.st_dev, status.st_ino), path)
        return tuple(files.values())

    def _found(self) -> tuple[str, ...]:
        from ..binary import process_files
        from ..binary.libraries import find_executable, is_probeable

        root = process_files.process_root(self.pid) if self.pid else ""
        if not self.name:
            program = process_files.program_of(self.pid, root)
            return (program,) if is_probeable(program) else ()
        if self.name == EVERYTHING:
            mapped = process_files.mapped_files(self.pid, root) if self.pid else process_files.all_mapped_files()
            return tuple(filter(is_probeable, mapped))
        if self.short_names and self.name.startswith("lib") and "*" not in self.name:
            library = self._library(root)
            if library is not None:
                return (library,)
        path = process_files.search_path_of(self.pid) if root else os.environ.get("PATH", os.defpath)
        return tuple(find_executable(self.name, path, root, self.any_file))

    def _library(self, root: str) -> str | None:
        from ..binary import process_files
        from ..binary.libraries import CACHE_PATH, find_library, is_library_name

        short = self.name.removeprefix("lib")
        if self.pid:
            for path in process_files.mapped_files(self.pid, root):
                if is_library_name(os.path.basename(path), short):
                    return path
        found = find_library(short, root + CACHE_PATH)
        return None if found is None else root + found
