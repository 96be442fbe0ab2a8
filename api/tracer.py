"""A program that is attached, as Python sees it: events to iterate over, maps to read, an end to bring about.

The event loop of the output stage does the work; this drives it step by step and hands out what it leaves behind.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from time import monotonic
from types import TracebackType

from ..core.artifacts import MapSpec
from ..core.run import RunOptions
from ..core.session import Session
from ..passes.output.loop import EventLoop
from .events import Event, Printed
from .recorder import Recorder
from .values import decoded, map_value


class Tracer:
    """An attached program, until `close`, which leaving a `with` block calls.

    It belongs to one thread; only `stop` may be called from others. Signals are not caught: an interrupt raises
    KeyboardInterrupt as usual, and the `with` block then detaches everything.
    """

    def __init__(self, session: Session, options: RunOptions, recorder: Recorder) -> None:
        self._session = session
        self._events = recorder.events
        self._loop = EventLoop(session, options, _Sequence(recorder), recorder.note)
        self._steps = self._loop.steps()
        self._closed = False
        self._maps = Maps(session, self._loop)
        self._step()

    @property
    def attached(self) -> int:
        """How many probes run: a wildcard counts with each of its places."""
        return self._session.attached

    @property
    def pid(self) -> int | None:
        """The process that was given, or that was started for the command."""
        return self._session.pid

    @property
    def status(self) -> int:
        """What the script's `exit(N)` said, 0 otherwise."""
        return self._loop.output.status

    @property
    def maps(self) -> Maps:
        """The script's maps by name (with the `@`): read anew at each look, and as they were at the end after that."""
        return self._maps

    def __iter__(self) -> Iterator[Event]:
        return self.events()

    def events(self, timeout: float | None = None) -> Iterator[Event]:
        """What happens, as it comes, until the run ends or, with a `timeout`, for so many seconds.

        A run ends by the script's exit(), with the traced process, or by `stop`; what `end` probes print comes last.

        Raises: KernelError: when the events cannot be read.
        """
        deadline = None if timeout is None else monotonic() + timeout
        while True:
            while self._events:
                yield self._events.popleft()
            if self._closed or (deadline is not None and monotonic() >= deadline):
                return
            if not self._step() and not self._events:
                return

    def stop(self) -> None:
        """Ends the run: whoever iterates gets what is left and then comes to an end. Returns at once."""
        self._session.interrupt()

    def close(self) -> None:
        """Detaches everything and runs `end` probes, if that has not been done; `maps` and `status` stay.

        Events that nobody took can still be iterated over. May be called twice.
        """
        if self._closed:
            return
        try:
            self.stop()
            while self._step():
                continue
            self._maps.keep()
        finally:
            self._release()

    def __enter__(self) -> Tracer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        else:
            self._release()

    def _step(self) -> bool:
        """One look for events; False when the run is over."""
        try:
            return next(self._steps, self) is not self
        except BaseException:
            self._release()
            raise

    def _release(self) -> None:
        self._closed = True
        self._session.close()


class Maps(Mapping[str, object]):
    """The maps of one tracer. A map with keys is a dict in print order (keys that are no scalars are tuples), one
    without is its value, or None as long as it has none. Histograms are lists of `Bucket`, `stats` dicts."""

    def __init__(self, session: Session, loop: EventLoop) -> None:
        self._specs = {spec.name: spec for spec in session.program.maps if spec.is_script_map}
        self._rendering = loop.output.rendering
        self._reader = loop.output.maps
        self._kept: dict[str, object] | None = None

    def __getitem__(self, name: str) -> object:
        """Raises: KeyError: when the script has no such map; KernelError."""
        if self._kept is not None:
            return self._kept[name]
        return self._read(self._specs[name])

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._specs))

    def __len__(self) -> int:
        return len(self._specs)

    def keep(self) -> None:
        """Reads all of them for the last time."""
        if self._kept is None:
            self._kept = dict(self)

    def _read(self, spec: MapSpec) -> object:
        assert spec.value_type is not None, f"{spec.name} is a script's map"
        entries = self._reader.entries(spec, explicit=False)
        return map_value(spec.key_type, spec.value_type, entries, self._rendering)


class _Sequence:
    """The stream of the loop, to which only the text of an iterator goes: it becomes events."""

    error: OSError | None = None

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder

    def write(self, data: bytes) -> None:
        if data:
            self._recorder.events.append(Printed("iter", decoded(data), ()))

    def flush(self) -> None:
        """Nothing is kept back."""
