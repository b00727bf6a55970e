"""Examples: projects with an application each, which `deckwatch up --example` runs and `deckwatch simulate` drives."""
