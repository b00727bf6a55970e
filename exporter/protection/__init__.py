"""TLS, client certificates and passwords for the endpoints, configured by exporter-toolkit's `web-config.yml`."""
