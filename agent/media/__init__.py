"""Files that come with messages or leave with them: fetched, recognised, kept."""
