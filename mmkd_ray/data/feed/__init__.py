"""How images reach a training step: their order, and the ways to hold them."""
