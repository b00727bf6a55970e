"""From short YAML to Prometheus rules and Alertmanager routes."""
