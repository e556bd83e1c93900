"""Thinks and knows: the way of one message, its rules and its data. Imports no channel, no web framework, no queue."""
