"""Prompts as files that people can read and diff; see README.md in this folder."""
