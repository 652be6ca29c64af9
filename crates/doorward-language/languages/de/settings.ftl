# The form of the settings of upstreams and identity providers.
settings_add_upstream = Upstream hinzufügen
settings_of = Einstellungen von { $name }
settings_edit = Einstellungen ändern
settings_basics = Grundlagen
settings_sign_in = Wer sich anmelden kann
settings_offer = Tools und Zugriff
settings_authorization = Autorisierungsanfrage und Endpunkte
settings_claims = Claims
settings_limits = Grenzen, Zeiten und Netze
settings_change = Änderung
settings_nothing = Es ändert sich nichts.
settings_ends_access = Verbundene Benutzer verlieren den Zugriff und müssen sich neu verbinden.
settings_apply = Änderung übernehmen
settings_show = Änderung anzeigen
settings_name = Kurzname
settings_secret_held = Ein Wert ist gesetzt; leer lassen, um ihn zu behalten.
settings_lines = Ein Wert pro Zeile.
