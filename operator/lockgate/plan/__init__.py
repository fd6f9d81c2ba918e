"""The pure step from what is and what should be to what happens next."""
