"""The two HTTP listeners: the consent callback for the internet, and the admin pages."""
