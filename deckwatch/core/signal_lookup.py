"""Look up signals by full or short name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from deckwatch.core.problems import did_you_mean
from deckwatch.core.signals import Reference, Signal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence


class UnknownSignal(LookupError):
    """No signal has this name.

    `is_misused`: the signal exists but the reference to it is wrong; `is_reported`: its declaration has a problem of
    its own, reported already.
    """

    def __init__(
        self, message: str, hint: str | Callable[[], str] = "", *, is_misused: bool = False, is_reported: bool = False
    ) -> None:
        super().__init__(message)
        self.message = message
        self._hint = hint
        self.is_misused = is_misused
        self.is_reported = is_reported

    @property
    def hint(self) -> str:
        """The nearest name, or another suggestion."""
        return self._hint if isinstance(self._hint, str) else self._hint()


class Signals(Mapping[str, Signal]):
    """Signals by full name. `faulty` are the names whose declaration is invalid."""

    def __init__(self, signals: Mapping[str, Signal] | None = None, faulty: Iterable[str] = ()) -> None:
        self._signals = dict(signals or {})
        self.faulty = frozenset(faulty)

    def __getitem__(self, name: str) -> Signal:
        return self._signals[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._signals)

    def __len__(self) -> int:
        return len(self._signals)

    def find_reference(self, text: str, subjects: Sequence[str] = ()) -> Reference:
        """Resolve a name such as `cpu`, `host.cpu`, `latency.p95` or `application.latency.p95`.

        Short names are looked up in `subjects`, in that order. Raises UnknownSignal.
        """
        for prefix in ("", *(f"{subject}." for subject in subjects)):
            full = prefix + text
            if signal := self._signals.get(full):
                if signal.aspects:
                    names = ", ".join(f"{text}.{aspect}" for aspect in signal.aspects)
                    message = f"{text} is a {signal.kind}: a suffix is required"
                    raise UnknownSignal(message, f"one of {names}", is_misused=True)
                return Reference(signal)
            head, _, aspect = full.rpartition(".")
            if signal := self._signals.get(head):
                if aspect in signal.aspects:
                    return Reference(signal, aspect)
                hint = did_you_mean(aspect, signal.aspects) if signal.aspects else f"{head} takes no suffix"
                raise UnknownSignal(f"{text.rpartition('.')[0]} has no suffix {aspect!r}", hint, is_misused=True)
            if full in self.faulty or head in self.faulty:
                raise UnknownSignal(f"the declaration of signal {text} is invalid", is_misused=True, is_reported=True)
        # The hint is computed lazily: most names that are not signals are metrics.
        raise UnknownSignal(f"no signal is called {text}", lambda: did_you_mean(text, self.known_names(subjects)))

    def known_names(self, subjects: Sequence[str] = ()) -> list[str]:
        """Return every name that `find_reference` resolves, short names first."""
        words: list[str] = []
        for subject in subjects:
            words += [name.partition(".")[2] for name in self._signals if name.startswith(f"{subject}.")]
        words += self._signals
        for word in tuple(words):
            signal = self._signals.get(word) or next(
                (self._signals[f"{subject}.{word}"] for subject in subjects if f"{subject}.{word}" in self._signals),
                None,
            )
            words += [f"{word}.{aspect}" for aspect in signal.aspects] if signal else []
        return words
