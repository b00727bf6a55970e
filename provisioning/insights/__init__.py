"""Insights: rules that find what should be changed, each a file in `library/` or in a project's folder `insights/`."""
