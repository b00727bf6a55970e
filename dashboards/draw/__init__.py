"""Drawing: from resolved dashboards to Grafana's JSON."""
