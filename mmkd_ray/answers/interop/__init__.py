"""Answers made elsewhere, and answers for other tools."""
