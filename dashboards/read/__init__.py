"""Reading: from YAML files to dashboards with validated structure."""
