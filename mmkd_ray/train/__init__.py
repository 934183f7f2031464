"""Training: the loop in plain PyTorch, its Ray Train worker, and the study that runs arms x seeds."""
