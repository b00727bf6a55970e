"""Reports: one file about a period, from Prometheus and Alertmanager, for people who do not open Grafana."""
