"""Which of them: rules, lists, memberships."""
