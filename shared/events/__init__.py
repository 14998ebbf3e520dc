"""The run requests that an event makes."""
