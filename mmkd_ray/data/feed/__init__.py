"""How images reach a training step: their order, and how they are kept in memory."""
