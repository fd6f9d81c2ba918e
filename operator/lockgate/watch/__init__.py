"""Everything that keeps time: the watch, the store it fills, the queue, the workers."""
