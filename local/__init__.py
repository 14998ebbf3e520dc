"""The local stack: everything that the gateway needs around it on one machine."""
