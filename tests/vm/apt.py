"""Packages of any Debian suite, read through an apt configuration of our own, so that the machine's is left alone.

Where Debian's packages are is what the machine's own configuration says.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from .prerequisites import Unavailable

#: What the archives call themselves in their Release files.
_ARCHIVE, _SECURITY = "Debian", "Debian-Security"
_KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
_PATIENCE = 120.0
"""Seconds for one apt command."""


@dataclass(frozen=True)
class Suite:
    """A Debian suite ('bookworm', 'trixie-backports') whose lists are kept in `directory`."""

    name: str
    directory: Path

    def refresh(self) -> None:
        """Fetch the lists of packages. Raises Unavailable."""
        self._configure(_archives())
        self._apt("apt-get", "update", "-q", "--error-on=any")

    def _configure(self, archives: Mapping[str, str]) -> None:
        for part in ("state/lists/partial", "cache/archives/partial"):
            (self.directory / part).mkdir(parents=True, exist_ok=True)
        (self.directory / "state/status").touch()
        places = [(archives[_ARCHIVE], self.name)]
        if not self.name.endswith("-backports") and _SECURITY in archives:
            places.append((archives[_SECURITY], f"{self.name}-security"))
        lines = [f"deb [arch=amd64 signed-by={_KEYRING}] {address} {suite} main\n" for address, suite in places]
        (self.directory / "sources.list").write_text("".join(lines))
        self._configuration.write_text(
            f'Dir::Etc::sourcelist "{self.directory}/sources.list";\n'
            'Dir::Etc::sourceparts "-";\n'
            f'Dir::State "{self.directory}/state";\n'
            f'Dir::State::status "{self.directory}/state/status";\n'
            f'Dir::Cache "{self.directory}/cache";\n'
            'Acquire::Languages "none";\n'
            'Acquire::Check-Valid-Until "false";\n'
            'APT::Sandbox::User "root";\n'
        )

    def dependencies(self, package: str) -> list[str]:
        """The names in a package's Depends field, without versions; of alternatives the first. Raises Unavailable."""
        text = self._apt("apt-cache", "show", "--no-all-versions", package)
        found = re.search(r"^Depends: (.*)$", text, re.MULTILINE)
        return [part.split()[0].partition(":")[0] for part in found[1].split(",")] if found else []

    def download(self, packages: Sequence[str], directory: Path) -> list[Path]:
        """Fetch .deb files into an empty directory. Raises Unavailable."""
        self._apt("apt-get", "download", "-q", *packages, directory=directory)
        return sorted(directory.glob("*.deb"))

    @property
    def _configuration(self) -> Path:
        return self.directory / "apt.conf"

    def _apt(self, *words: str, directory: Path = Path("/")) -> str:
        environment = {**os.environ, "APT_CONFIG": str(self._configuration), "LC_ALL": "C"}
        try:
            done = subprocess.run(
                words, cwd=directory, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                timeout=_PATIENCE, check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            raise Unavailable(f"{' '.join(words)} for {self.name} took longer than {_PATIENCE:.0f} s") from None
        if done.returncode:
            last = (done.stderr.strip() or done.stdout.strip() or "no output").splitlines()[-1]
            raise Unavailable(f"{' '.join(words)} for {self.name} failed: {last}")
        return done.stdout


def _archives() -> dict[str, str]:
    """The addresses of Debian's archives by their labels, as this machine's apt has them. Raises Unavailable."""
    command = ["apt-get", "indextargets", "--format", "$(ORIGIN)|$(LABEL)|$(REPO_URI)"]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    rows = (line.split("|") for line in done.stdout.splitlines())
    found = {row[1]: row[2] for row in rows if len(row) == 3 and row[0] == "Debian"}
    if _ARCHIVE not in found:
        raise Unavailable("apt knows no archive of Debian here; on a Debian machine 'apt-get update' fetches its lists")
    return found
