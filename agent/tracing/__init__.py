"""Traces in Langfuse: what is observed of a turn, masked, sampled and sent without anybody waiting (promise P9)."""
