"""An LLM proposes questions and selects some of them."""
