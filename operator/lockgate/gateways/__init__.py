"""The ways in that the platform offers: its gateways, what they can, and which hostnames they may serve."""
