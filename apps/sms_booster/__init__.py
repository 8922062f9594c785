"""The second try, by SMS."""
