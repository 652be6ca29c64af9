# Aufbau der Seiten für Administratoren.
console_menu = Menü
console_crumbs = Sie sind hier
console_services = Dienste
console_settings = Einstellungen
