"""Guardrails: one rule per file, each a pure function; `RULES` lists them in order."""
