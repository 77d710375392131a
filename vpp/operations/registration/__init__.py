"""How an owner's device gets into the platform: type, connection, probe, test, limits, agreement, confirmation."""
