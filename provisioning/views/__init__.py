"""Named queries as JSON: views, declared under `views:` of a project and in the shipped sets of `library/`."""
