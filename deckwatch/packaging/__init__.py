"""How deckwatch is installed on a host: the systemd unit, man pages and the Debian package."""
