"""One module per vendor protocol; each turns a request into the vendor's own answer."""
