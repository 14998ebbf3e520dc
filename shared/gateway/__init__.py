"""The use cases over ports: claim, send, reconcile, answer, operate, clean up."""
