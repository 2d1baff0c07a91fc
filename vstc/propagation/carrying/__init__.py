"""Carrying: maps, what is read along them, and where that is doubted."""
