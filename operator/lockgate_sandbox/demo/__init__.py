"""`make demo`: the main job of Lockgate on embedded real parts, told as it happens."""
