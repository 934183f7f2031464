"""The Ray cluster: connecting to one, what it holds, cores for engines, progress of remote work."""
