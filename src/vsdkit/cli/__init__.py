"""The command line: ``app`` runs, ``signature`` makes flags of settings, ``output`` prints."""
