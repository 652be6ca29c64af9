# Layout of the administrators' pages.
console_menu = Menu
console_crumbs = You are here
console_services = Services
console_settings = Settings
