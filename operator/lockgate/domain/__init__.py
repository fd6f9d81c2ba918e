"""Values that flow through one pass, and the ports through which the world is reached."""
