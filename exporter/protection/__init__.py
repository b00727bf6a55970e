"""Who may read the page: TLS, client certificates and passwords, as exporter-toolkit's `web-config.yml` says it."""
