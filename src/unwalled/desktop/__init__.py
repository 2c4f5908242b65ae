"""The reader's desktop: their browsers, the system's proxy setting, start at login, an icon in the tray."""
