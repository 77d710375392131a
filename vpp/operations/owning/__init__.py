"""What owners ask of their devices: what it does and why, what it brings, pause it, take the data, leave."""
