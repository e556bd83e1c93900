"""Intelligence that needs no network: encoder, classifier, rules and their training data."""
