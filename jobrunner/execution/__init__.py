"""Runs claimed jobs."""
