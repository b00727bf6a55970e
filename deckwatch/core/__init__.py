"""The shared floor: places in YAML, the metric catalogue, PromQL, Jsonnet, plugins."""
