"""The search over alpha, Q and any key of the recipe: trials on stored answers, chosen by validation accuracy."""
