"""Turns Azure Functions' types into values and back."""
