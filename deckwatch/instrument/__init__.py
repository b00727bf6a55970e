"""What an application adds to itself: middleware for ASGI and WSGI, and business figures."""
