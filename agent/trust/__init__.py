"""The trust dial: how free the agent is, and how that changes (promise P10)."""
