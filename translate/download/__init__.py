"""Public files brought to this machine with care: fetched whole or not at all, archives opened without trust."""
