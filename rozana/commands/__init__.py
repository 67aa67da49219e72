"""The commands, one file a subject. Each translates: options to calls. cli.py puts them together."""
