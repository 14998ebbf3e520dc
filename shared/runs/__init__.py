"""One run request: its content, its identity, the states of its record, its result, its audit entry."""
