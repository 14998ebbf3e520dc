"""What stands between the platform's trigger types and the gateway's values."""
