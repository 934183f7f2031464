"""Extraction: every image, every question, the teacher's answer as log-probabilities in one table."""
