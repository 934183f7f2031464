"""Train the shipped teacher: a small vision-language model that answers questions about drawn birds."""
