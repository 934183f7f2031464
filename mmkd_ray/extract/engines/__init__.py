"""Engines that ask a teacher: one room each."""
