"""Amazon ECS as the platform offers it: which targets there are, and the one door to them."""
