"""Packages of any Debian suite, read through an apt configuration of our own, so that the machine's is left alone."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from .prerequisites import Unavailable

#: Where Debian keeps its suites, and where it keeps those that it has given up.
_MIRRORS = ("http://deb.debian.org", "http://archive.debian.org")
_KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
_PATIENCE = 300.0
"""Seconds for one apt command."""


@dataclass(frozen=True)
class Suite:
    """A Debian suite ('bookworm', 'trixie-backports') whose lists are kept in `directory`."""

    name: str
    directory: Path

    def refresh(self) -> None:
        """Fetch the lists of packages. Raises Unavailable."""
        reasons = []
        for mirror in _MIRRORS:
            self._configure(mirror)
            try:
                self._apt("apt-get", "update", "-q", "--error-on=any")
                return
            except Unavailable as reason:
                reasons.append(f"{mirror}: {reason}")
        raise Unavailable("; ".join(reasons))

    def _configure(self, mirror: str) -> None:
        for part in ("state/lists/partial", "cache/archives/partial"):
            (self.directory / part).mkdir(parents=True, exist_ok=True)
        (self.directory / "state/status").touch()
        places = [("debian", self.name)]
        if not self.name.endswith("-backports"):
            places.append(("debian-security", f"{self.name}-security"))
        lines = [f"deb [arch=amd64 signed-by={_KEYRING}] {mirror}/{path} {suite} main\n" for path, suite in places]
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
