"""Assembly: settings, the patch panel, the processes and the command line. No flow lives here."""
