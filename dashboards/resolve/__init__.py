"""Resolving: from signals, metrics and PromQL in panels to the queries that Grafana runs."""
