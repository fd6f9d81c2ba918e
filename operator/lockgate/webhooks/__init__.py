"""The services outside of the cluster that a gate may ask: which there are, and the one door to them."""
