"""The ground: ids, state tables, named SQL, encrypted fields, CSV, problem details. Knows no domain word."""
