"""Mail beyond its format: whose it is, which thread, what is proven of its sender, what became of ours."""
