"""An LLM proposes questions and selects among them."""
