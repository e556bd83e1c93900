"""The inbox: where sales staff read, correct and stop what the agent does."""
