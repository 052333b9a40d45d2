"""Chance without a state: numbers that depend on a seed and on what they are for.

`mix` is the finalizer of SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number
generators", 2014), applied number after number; `shuffle32` is a Feistel network, so that an index
can be read back from an id that looks like chance.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

_MASK64 = (1 << 64) - 1
_MASK16 = (1 << 16) - 1
_GOLDEN = 0x9E3779B97F4A7C15
_ROUNDS = 4

_Item = TypeVar("_Item")


def mix(*numbers: int) -> int:
    """64 bits that look like chance."""
    state = 0
    for number in numbers:
        state = (state + number + _GOLDEN) & _MASK64
        state = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & _MASK64
        state = ((state ^ (state >> 27)) * 0x94D049BB133111EB) & _MASK64
        state ^= state >> 31
    return state


def unit(*numbers: int) -> float:
    """From 0 up to, but not including, 1."""
    return mix(*numbers) / (1 << 64)


def pick(items: Sequence[_Item], number: int) -> _Item:
    """One of the items; `number` is one of `mix`."""
    return items[number % len(items)]


def shuffle32(seed: int, index: int) -> int:
    """Another number of 32 bits for every index of 32 bits."""
    left, right = index >> 16, index & _MASK16
    for turn in range(_ROUNDS):
        left, right = right, left ^ (mix(seed, turn, right) & _MASK16)
    return left << 16 | right


def unshuffle32(seed: int, value: int) -> int:
    """The index that `shuffle32` made this of."""
    left, right = value >> 16, value & _MASK16
    for turn in reversed(range(_ROUNDS)):
        left, right = right ^ (mix(seed, turn, left) & _MASK16), left
    return left << 16 | right
