"""From short YAML to Grafana dashboards."""
