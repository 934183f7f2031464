"""The Ray cluster: connecting to one, its capacity, cores for engines, progress of remote work."""
