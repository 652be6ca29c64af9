# The state of the server, on the administrators' overview.
health_version = Version
health_configuration = Konfiguration
health_configuration_in_effect = in Kraft
health_configuration_restart = in Kraft; ein Neustart ist nötig für { $settings }
health_configuration_wrong = die geänderte Konfiguration ist nicht verwendbar, die vorherige bleibt in Kraft ({ $detail })
health_database = Datenbank
health_database_answers = { $database } antwortet
health_keys = Signaturschlüssel
health_keys_active =
    { $count ->
        [one] { $count } aktiver Schlüssel
       *[other] { $count } aktive Schlüssel
    }
health_clock = Uhr
health_clock_equal = stimmt mit der Datenbank überein
health_clock_differs = die Uhren dieses Rechners und der Datenbank weichen voneinander ab; synchronisieren Sie sie
health_audit = Audit
health_audit_entries =
    { $count ->
        [one] { $count } Eintrag, der letzte Hash ist { $hash }
       *[other] { $count } Einträge, der letzte Hash ist { $hash }
    }
health_export = Export nach { $destination }
health_export_waiting =
    { $count ->
        [one] { $count } Eintrag wartet auf den Versand
       *[other] { $count } Einträge warten auf den Versand
    }
health_export_behind = { $count } Einträge warten auf den Versand; das Log enthält die Ursache
health_upstream = Upstream { $name }
health_provider = Identitätsanbieter { $name }
health_mail = Mailserver
health_deliveries = Zustellung an { $destination }
health_dependencies = Upstreams, Identitätsanbieter, E-Mail und Exporte
health_dependency_answered = hat in { $milliseconds } ms geantwortet: { $time }
health_dependency_off = ist deaktiviert
health_dependency_down = { $error }; fehlgeschlagen: { $time }; letzte Antwort: { $success }
health_dependency_never = { $error }; fehlgeschlagen: { $time }; noch nie eine Antwort
health_dependency_not_asked = noch nicht geprüft
health_dependency_not_asked_since = nicht geprüft seit { $time }
health_disk = Speicherplatz
health_disk_free = { $megabytes } MiB sind frei
health_disk_full = im Datenverzeichnis sind nur { $megabytes } MiB frei; schaffen Sie Platz, bevor Schreibvorgänge scheitern
health_backup = Sicherung
health_backup_made = zuletzt erstellt: { $time }
health_backup_none = mit doorward backup wurde noch keine Sicherung erstellt; erstellen Sie eine, oder ignorieren Sie dies, wenn die Datenbank anders gesichert wird
health_failed = fehlgeschlagen: { $detail }

# Subjects of the test of an identity provider. What it found is for the operator, in English.
health_look_discovery = Discovery
health_look_keys = Schlüssel
health_look_redirect = Weiterleitung
health_look_client = Client-Authentifizierung
health_look_clock = Uhr
health_look_claims = Claims, die Regeln lesen
health_look_left_out = Ignorierte Werte
health_look_authorization_server = Autorisierungsserver
health_look_pkce = PKCE
health_look_registration = Registrierung
health_look_document = Dokument
health_look_connection = Verbindung

# Public information while the MCP server is enabled.
health_public_issuer = die Tatsache, dass diese URL ein Autorisierungsserver ist: { $url }
health_public_server = URL und Name des MCP-Servers: { $url }, { $name }
health_public_endpoints = die URLs seiner Endpunkte, die Namen seiner Scopes und seine öffentlichen Schlüssel
health_public_upstreams = die Namen der Upstreams, in URLs unterhalb der des Servers
