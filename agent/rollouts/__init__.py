"""Versions, and the trial of a new one on a share of conversations (promise P10)."""
