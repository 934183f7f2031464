"""What questions are worth, found by asking the teacher about a sample of images before all are paid for."""
