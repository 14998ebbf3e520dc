"""Authentication of callers, and their permission to start pipelines."""
