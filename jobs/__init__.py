"""Runs things later and starts everything: queue, worker, clock, command line, wiring."""
