"""Sessions and users as files that another Overnight can read: see docs/export.md."""
