"""Talks to prospects and to staff: webhooks, providers, the simulator."""
