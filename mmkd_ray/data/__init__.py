"""Image sources, the image table made from them, and the training batches made from the table."""
