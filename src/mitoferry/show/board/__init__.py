"""The reproduction board for people: terminal table, page, badge, and what the commands ``reproduce`` and ``board`` do."""
