"""Metrics of jobs, test runs, plans and deployments, as `*.prom` files for the textfile collector."""
