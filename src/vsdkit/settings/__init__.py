"""Settings: a model for each command, resolved from flags, keywords, files and profiles."""
