"""The acts of the demo, one a file: each says its title, does one thing and shows that it holds."""
