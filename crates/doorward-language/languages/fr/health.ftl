# The state of the server, on the administrators' overview.
health_version = Version
health_configuration = Configuration
health_configuration_in_effect = en vigueur
health_configuration_restart = en vigueur ; un redémarrage est nécessaire pour { $settings }
health_configuration_wrong = la configuration modifiée est inutilisable, et la précédente reste en vigueur ({ $detail })
health_database = Base de données
health_database_answers = { $database } répond
health_keys = Clés de signature
health_keys_active =
    { $count ->
        [one] { $count } clé active
       *[other] { $count } clés actives
    }
health_clock = Horloge
health_clock_equal = synchronisée avec la base de données
health_clock_differs = les horloges de cette machine et de la base de données diffèrent ; synchronisez-les
health_audit = Audit
health_audit_entries =
    { $count ->
        [one] { $count } entrée, le dernier hash est { $hash }
       *[other] { $count } entrées, le dernier hash est { $hash }
    }
health_export = Export vers { $destination }
health_export_waiting =
    { $count ->
        [one] { $count } entrée attend d’être envoyée
       *[other] { $count } entrées attendent d’être envoyées
    }
health_export_behind = { $count } entrées attendent d’être envoyées ; le journal en donne la raison
health_upstream = Serveur amont { $name }
health_provider = Fournisseur d’identité { $name }
health_mail = Serveur de messagerie
health_deliveries = Envois vers { $destination }
health_dependencies = Serveurs amont, fournisseurs d’identité, messagerie et exports
health_dependency_answered = a répondu en { $milliseconds } ms, le { $time }
health_dependency_off = est désactivé
health_dependency_down = { $error } ; échec le { $time }, dernière réponse le { $success }
health_dependency_never = { $error } ; échec le { $time }, n’a jamais répondu
health_dependency_not_asked = pas encore vérifié
health_dependency_not_asked_since = pas vérifié depuis le { $time }
health_disk = Espace disque
health_disk_free = { $megabytes } Mio libres
health_disk_full = seulement { $megabytes } Mio libres dans le répertoire de données ; libérez de l’espace avant que les écritures n’échouent
health_backup = Sauvegarde
health_backup_made = dernière création : { $time }
health_backup_none = aucune sauvegarde n’a été créée avec doorward backup ; créez-en une, ou ignorez ceci si la base de données est sauvegardée autrement
health_failed = échec : { $detail }

# Subjects of the test of an identity provider. What it found is for the operator, in English.
health_look_discovery = Découverte
health_look_keys = Clés
health_look_redirect = Redirection
health_look_client = Authentification du client
health_look_clock = Horloge
health_look_claims = Claims lus par les règles
health_look_left_out = Valeurs ignorées
health_look_authorization_server = Serveur d’autorisation
health_look_pkce = PKCE
health_look_registration = Enregistrement
health_look_document = Document
health_look_connection = Connexion

# Public information while the MCP server is enabled.
health_public_issuer = le fait que cette URL est un serveur d’autorisation : { $url }
health_public_server = l’URL et le nom du serveur MCP : { $url }, { $name }
health_public_endpoints = les URL de ses points de terminaison, les noms de ses scopes et ses clés publiques
health_public_upstreams = les noms des serveurs amont, dans des URL situées sous celle du serveur
