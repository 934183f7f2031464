"""A study: which students it has, what identifies them, what they cost."""
