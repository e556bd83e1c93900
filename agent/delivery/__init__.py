"""From the outbox to the provider and back: claim, hand over, reports, failures and what follows from them."""
