"""The chain of a tenant's events: sealed, verified, retired (promise P9)."""
