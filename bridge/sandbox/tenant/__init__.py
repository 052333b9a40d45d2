"""A simulated Teams tenant."""
