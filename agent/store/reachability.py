"""Which errors mean that PostgreSQL cannot take a row now, though nothing is wrong with the row.

Codes: https://www.postgresql.org/docs/current/errcodes-appendix.html.
"""

import psycopg

AWAY_CLASSES = ("08", "53", "58")
"""Connection lost; out of connections, memory or disk; input and output."""
AWAY_STATES = frozenset({"57P01", "57P02", "57P03", "57P04", "57P05", "25006", "25P03", "25P04"})
"""Shut down, starting, recovering; read-only, as the old primary is after a failover; cut off by a time limit."""
BUSY_STATES = frozenset({"40001", "40P01", "55P03", "57014"})
"""Deadlock, serialisation, a lock or a statement that took too long: the server is there, and another try may do."""


def is_away(exc: BaseException) -> bool:
    """Say whether the server cannot be reached, or can store nothing for anybody at the moment."""
    if not isinstance(exc, psycopg.Error):
        return False
    if exc.sqlstate is None:  # none was to be had, it was refused, or it ended in mid-sentence
        return isinstance(exc, psycopg.OperationalError)
    return exc.sqlstate.startswith(AWAY_CLASSES) or exc.sqlstate in AWAY_STATES


def is_busy(exc: BaseException) -> bool:
    """Say whether the server is there, but this one thing collided with something else."""
    return isinstance(exc, psycopg.Error) and exc.sqlstate in BUSY_STATES
