"""The calls, one module per noun. A view reads the request, asks one service or query, and writes the answer."""
