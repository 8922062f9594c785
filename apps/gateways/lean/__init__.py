"""Our own HTTP/2 over TLS, for many small POSTs at a few microseconds each. See apps/gateways/README.md."""
