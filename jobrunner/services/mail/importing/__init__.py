"""Importing mail: what was fetched becomes rows and files."""
