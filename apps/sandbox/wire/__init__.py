"""HTTP/1.1 and HTTP/2 by hand on asyncio: one request object in, one answer object out."""
