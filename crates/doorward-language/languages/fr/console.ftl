# Mise en page des pages d’administration.
console_menu = Menu
console_crumbs = Vous êtes ici
console_services = Services
console_settings = Paramètres
