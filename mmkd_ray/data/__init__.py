"""Image sources, the one image table they become, and what turns its rows into batches for a student."""
