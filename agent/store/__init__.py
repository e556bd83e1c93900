"""State: one PostgreSQL. Query modules, one per table family, plain functions `(tx, …) -> type`."""
