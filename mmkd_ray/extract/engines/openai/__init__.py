"""Teachers behind an OpenAI-compatible endpoint."""
