"""Telling everyone what is live and why: status, conditions, Events."""
