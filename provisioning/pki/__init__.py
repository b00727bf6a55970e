"""A small certificate authority for Prometheus and the exporters: `deckwatch pki`."""
