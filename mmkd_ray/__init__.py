"""Distil what a multimodal LLM sees into small, fast vision models, on Ray."""

__version__ = "0.1.0"
