"""Finds secret values and replaces them by a mark."""
