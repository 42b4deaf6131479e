"""Random choices that are the same for the same seed."""

from __future__ import annotations

from datetime import date, timedelta
from random import Random
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

T = TypeVar("T")


class Draw:
    """A seeded source of choices; faster than Random's own methods, and with dates."""

    def __init__(self, seed: int | str) -> None:
        self._random = Random(seed)  # noqa: S311 - nothing here is a secret
        self._next = self._random.random
        self._decks: dict[Hashable, Deck[Any]] = {}

    def chance(self, probability: float) -> bool:
        """Return True with that probability."""
        return self._next() < probability

    def below(self, number: int) -> int:
        """Return a whole number from 0 up to, but not including, `number`."""
        return int(self._next() * number)

    def pick(self, things: Sequence[T]) -> T:
        """Return one of the things."""
        return things[int(self._next() * len(things))]

    def deal(self, things: tuple[T, ...]) -> T:
        """Return one of the things; every one of them comes before any comes again."""
        deck: Deck[T] | None = self._decks.get(things)
        if deck is None:
            deck = self._decks[things] = Deck(self, things)
        return deck.deal()

    def day(self, first: date, last: date) -> date:
        """Return a day from `first` to `last`, both included; `first` when `last` is before it."""
        return first + timedelta(days=int(self._next() * max((last - first).days + 1, 1)))

    def shuffle(self, things: list[T]) -> None:
        """Put the things in another order."""
        self._random.shuffle(things)


class Deck(Generic[T]):
    """Hands things out in random order, every one before any comes again."""

    def __init__(self, draw: Draw, things: Sequence[T]) -> None:
        self._draw = draw
        self._things = list(things)
        self._left: list[T] = []

    def deal(self) -> T:
        """Return the next thing."""
        if not self._left:
            self._left = self._things.copy()
            self._draw.shuffle(self._left)
        return self._left.pop()
