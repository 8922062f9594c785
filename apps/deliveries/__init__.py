"""The engine: dispatch, plan, slices, ledger, receipts."""
