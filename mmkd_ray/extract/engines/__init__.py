"""Engines that ask a teacher, one file or folder per engine."""
