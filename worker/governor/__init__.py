"""Who may ask Claude now: the limits of a credential, shared by all workers through Redis."""
