"""Few domains: stages shared out split by split, exactly where the budget lasts."""
