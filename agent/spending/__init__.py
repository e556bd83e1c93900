"""What models cost: accounted, within budgets (promise P8)."""
