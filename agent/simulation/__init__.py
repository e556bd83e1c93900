"""Simulated prospects: conversations played against a version, in the real pipeline, with nobody at the other end."""
