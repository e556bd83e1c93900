"""What a tenant publishes and sets: its file, read, checked, compared, changed part by part."""
