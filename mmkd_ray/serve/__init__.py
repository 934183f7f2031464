"""A student as a service: FastAPI over Ray Serve, with a page for people. `deployment.py` alone imports Ray Serve."""
