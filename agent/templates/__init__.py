"""Message templates, and what else can be done when a reply window has closed."""
