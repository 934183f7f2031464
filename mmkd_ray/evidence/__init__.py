"""How useful questions are, found by asking the teacher about a sample of images before it is asked about all."""
