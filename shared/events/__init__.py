"""Which run requests an event makes."""
