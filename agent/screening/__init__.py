"""The first look at what came in, before any model: wishes to stop, manipulation, what nobody can see or hear."""
