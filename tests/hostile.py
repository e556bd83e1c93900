"""Texts that would keep a careless pattern busy, and a check that reading takes time in proportion."""

import time
from collections.abc import Callable

SHORT, LONG = 2_000, 10_000
"""Characters."""
STEEPEST = 12
"""LONG is 5 times as long as SHORT: what is linear takes 5 times as long, what is quadratic 25 times."""
NOISE_S = 0.03
"""Seconds of processor time that prove nothing on a busy machine."""

ATTEMPTS = 3
"""Tries, as memory may be tidied up in the middle of one."""

Unit = str | tuple[str, str]
"""What a text repeats; of two, one fills the first half and the other the second."""


def repeat(unit: Unit, chars: int) -> str:
    """Return a text of `chars` characters, an even number."""
    opening, closing = (unit, unit) if isinstance(unit, str) else unit
    half = chars // 2
    return (opening * half)[:half] + (closing * half)[:half]


def assert_linear(read: Callable[[str], object], unit: Unit) -> None:
    """Fail if `read` takes much more than five times as long for a text five times as long, whenever it is tried.

    It is called once before: what it only does the first time must not count. No text is read twice.
    """
    read(repeat(unit, SHORT - 2))
    tried = []
    for attempt in range(ATTEMPTS):
        short, long = (cpu_s(read, repeat(unit, chars + 2 * attempt)) for chars in (SHORT, LONG))
        if long < STEEPEST * short + NOISE_S:
            return
        tried.append(f"{short:.3f} s and {long:.3f} s")
    raise AssertionError(f"{SHORT} and {LONG} characters took {', '.join(tried)}")


def cpu_s(read: Callable[[str], object], text: str) -> float:
    """Return how many seconds of processor time it takes to read a text."""
    began = time.process_time()
    read(text)
    return time.process_time() - began
