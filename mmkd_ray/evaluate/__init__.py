"""Evaluation: pure metrics and statistics, and the stage that applies them to the students' predictions."""
