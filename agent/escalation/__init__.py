"""A person is asked for: why, how urgent it is, what the prospect is told, and who answers from then on."""
