"""The daemon that puts container, host, application and database metrics on one page."""
