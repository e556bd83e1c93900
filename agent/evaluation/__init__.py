"""Evaluation (promise P10): measures versions on labelled cases, compares them, and stops what is worse."""
