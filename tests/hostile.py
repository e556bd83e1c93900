"""Texts that would keep a careless pattern busy, and checks that reading them takes no more time than it should."""

import re
import time
from collections import Counter
from collections.abc import Callable

SHORT, TIMES = 2_000, 5
"""Characters, and how many times as long the long text is."""
STEEPEST = 12
"""For a text 5 times as long, what is linear takes 5 times as long, what is quadratic 25 times."""
NOISE_S = 0.03
"""Seconds of processor time that prove nothing on a busy machine."""

ATTEMPTS = 3
"""Tries, as memory may be tidied up in the middle of one."""

ORDINARY = "Hola, ¿cuánto cuesta el curso intensivo de inglés? " * 4_000

Unit = str | tuple[str, str]
"""What a text repeats; of two, one fills the first half and the other the second."""


def repeat(unit: Unit, chars: int) -> str:
    """Return a text of `chars` characters, an even number."""
    opening, closing = (unit, unit) if isinstance(unit, str) else unit
    half = chars // 2
    return (opening * half)[:half] + (closing * half)[:half]


def assert_linear(read: Callable[[str], object], unit: Unit, chars: int = SHORT) -> None:
    """Fail if `read` takes much more than five times as long for a text five times as long, whenever it is tried.

    It is called once before: what it only does the first time must not count. No text is read twice.
    """
    read(repeat(unit, chars - 2))
    tried = []
    for attempt in range(ATTEMPTS):
        short, long = (cpu_s(read, repeat(unit, each + 2 * attempt)) for each in (chars, TIMES * chars))
        if long < STEEPEST * short + NOISE_S:
            return
        tried.append(f"{short:.3f} s and {long:.3f} s")
    raise AssertionError(f"{chars} and {TIMES * chars} characters took {', '.join(tried)}")


def ordinary_s() -> float:
    """Return the processor time that this machine takes to count 32,000 words: about a hundredth of a second.

    What must be bounded is held against it; a number of seconds would be another bound on every machine.
    """
    return min(cpu_s(_count_words, ORDINARY) for _ in range(ATTEMPTS))


def _count_words(text: str) -> Counter[str]:
    return Counter(map(str.casefold, re.findall(r"\w+", text)))


def cpu_s(read: Callable[[str], object], text: str) -> float:
    """Return how many seconds of processor time it takes to read a text."""
    began = time.process_time()
    read(text)
    return time.process_time() - began
