"""One run request: what was asked, its identity, its record's states, its result, its audit entry."""
