"""What Synapse's answers mean; opens no connection."""
