"""Import answers from other tools, and export answers for them."""
