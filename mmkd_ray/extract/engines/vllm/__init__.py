"""Teachers that vLLM runs on this cluster."""
