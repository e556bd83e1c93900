"""Big tables of cases: one test runs all rows, and names each that fails.

pytest's own parametrising makes a test of every row, which costs milliseconds a row and more in each test process. A
table of hundreds of rows, each of which is checked in less, is run like this instead.
"""

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import wraps
from typing import Any

import pytest

Test = Callable[..., None]


def each_row(
    names: str | Sequence[str], rows: Iterable[Any], *, ids: Iterable[str] | None = None
) -> Callable[[Test], Test]:
    """Run a test with every row, as one test; takes what `pytest.mark.parametrize` takes.

    For tests that do not wait, and do not change the fixtures that all rows share.

    Raises:
        AssertionError: rows failed; it names them all and what was wrong with each. Its cause is the first one's.
        ValueError: there is no row, or one that bears a mark or has too few values or too many.
    """
    wanted = (names,) if isinstance(names, str) else tuple(names)
    cases = list(_cases(wanted, list(rows), ids))
    if not cases:
        raise ValueError("the table has no rows")

    def decorate(test: Test) -> Test:
        @wraps(test)
        def run(**shared: Any) -> None:
            failed = [(name, exc) for name, values in cases if (exc := _failure(test, {**shared, **values}))]
            if failed:
                heading = f"{len(failed)} of {len(cases)} rows failed:"
                lines = [f"[{name}] {type(exc).__name__}: {_short(str(exc))}" for name, exc in failed]
                raise AssertionError("\n".join([heading, *lines])) from failed[0][1]

        parameters = inspect.signature(test).parameters.values()
        own = [each for each in parameters if each.name not in wanted]
        run.__signature__ = inspect.Signature(own)  # type: ignore[attr-defined]  # what pytest reads fixtures from
        return run

    return decorate


def _cases(
    names: Sequence[str], rows: Sequence[Any], ids: Iterable[str] | None
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield name and values of every row."""
    for row, given in zip(rows, ids or [""] * len(rows), strict=True):
        is_param = hasattr(row, "marks")
        if is_param and row.marks:
            raise ValueError(f"{row.id or row.values}: a row with marks needs pytest.mark.parametrize")
        values = row.values if is_param else (row,) if len(names) == 1 else row
        name = given or (row.id if is_param else None) or ", ".join(repr(value)[:80] for value in values)
        yield str(name), dict(zip(names, values, strict=True))


def _short(text: str) -> str:
    """Return a message in a line, or whole if it names rows itself."""
    return text if " rows failed:" in text else text.split("\n", 1)[0]


def _failure(test: Test, arguments: Mapping[str, Any]) -> BaseException | None:
    """Return what a test says against a row."""
    try:
        test(**arguments)
    except (Exception, pytest.fail.Exception) as exc:  # noqa: BLE001 — a test may fail in any way
        return exc
    return None
