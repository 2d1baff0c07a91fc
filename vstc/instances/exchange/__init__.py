"""Bring instance masks in from the files of other programs, and write them as such."""
