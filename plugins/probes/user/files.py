"""Which files the FILE of a user-space attach point means, with what is to be said when it is none or several.

Shared by the probe types for user space; it must not know what is looked for in the files.
"""

from __future__ import annotations

from ....core.probe import AttachPointError, MatchRequest, NoMatch


def find_files(provider: str, file: str, request: MatchRequest, *, short_names: bool = True) -> list[str]:
    """The paths of the binaries: one, or with a `*` all that fit; an empty `file` is the program of the process of -p.

    `provider` is for messages; `short_names`: "libc" means a library. Raises: NoMatch: there is none.
    AttachPointError: the process or the loader's cache cannot be read.
    """
    any_file = request.allows_unsafe and "*" not in file
    try:
        paths = request.target.resolve_binary(file, request.pid, any_file=any_file, short_names=short_names)
    except (OSError, ValueError) as error:
        raise AttachPointError(f"{provider} target file '{file}' cannot be looked for: {error}") from error
    if not paths:
        named = f"file '{file}'" if file else f"of process {request.pid}"
        raise NoMatch(f"{provider} target {named} does not exist or is not executable")
    if "*" in file:
        return paths
    if len(paths) > 1:
        request.warn(f"attaching to {provider} target file '{paths[0]}' but matched {len(paths)} binaries")
    return paths[:1]
