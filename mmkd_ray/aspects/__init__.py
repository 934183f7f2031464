"""Aspects: the yes/no questions that the teacher is asked."""
