"""Calls to Synapse as values, and the meaning of its answers; opens no connection."""
