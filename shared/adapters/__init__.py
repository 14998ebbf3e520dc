"""All I/O; other libraries' errors end here."""
