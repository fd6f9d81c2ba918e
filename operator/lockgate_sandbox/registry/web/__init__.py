"""The HTTP side: addresses, faults and the request log around what `graph` and the store answer."""
