"""Deliver a report: as PDF, and to a team by the channels of `teams:` that can carry a file."""
