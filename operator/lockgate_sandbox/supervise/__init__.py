"""Processes that live and die together: the keeper outside, the supervisor inside, the servers under it."""
