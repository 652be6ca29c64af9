# Pages des règles autres que la politique.
rules_pages = Pages des règles
rules_access = Règles d’accès
rules_limits = Limites
rules_registration = Admission des clients
rules_in_effect = Paramètres en vigueur
rules_locked_explained = Modifiez ces paramètres dans le fichier de configuration, sous <code>[{ $section }]</code>, et appliquez-les avec <code>doorward reload</code>.
rules_setting = Paramètre
rules_value = Valeur
rules_origin = Origine
rules_none = aucun
rules_change_explained = Enregistrer applique ces paramètres sur tous les serveurs en une seconde.

# Réglages de ces règles.
rules_access_scope_roles = Rôles qui peuvent avoir un scope, par exemple mcp:write = developer admin. Un scope sans règle est ouvert à tous les utilisateurs.
rules_access_tool_roles = Rôles qui peuvent appeler un outil, par exemple wiki_* = editor. Si plusieurs règles correspondent, toutes doivent être remplies.
rules_access_second_factor_scopes = Scopes accordés seulement aux utilisateurs qui ont vérifié un second facteur.
rules_access_second_factor_for_administrators = Les pages d’administration exigent un second facteur.
rules_limits_calls_per_minute_user = Nombre maximal d’appels par minute d’un utilisateur, tous clients confondus.
rules_limits_calls_per_minute_client = Nombre maximal d’appels par minute d’un client, tous utilisateurs confondus.
rules_limits_calls_at_once_user = Nombre maximal d’appels simultanés d’un utilisateur.
rules_limits_calls_at_once_upstream = Nombre maximal d’appels simultanés vers un serveur amont, tous utilisateurs confondus.
rules_limits_calls_waiting = Nombre maximal d’appels en attente, par utilisateur et par serveur amont.
rules_limits_wait_seconds = Durée maximale d’attente d’un appel, en secondes.
rules_limits_call_seconds = Durée maximale d’un appel, en secondes.
rules_limits_argument_bytes = Taille maximale des arguments d’un appel, en octets.
rules_limits_result_bytes = Taille maximale d’un résultat, en octets.
rules_registration_dynamic = Les clients peuvent s’enregistrer eux-mêmes.
rules_registration_metadata_documents = Un client peut être identifié par l’URL https de son document de métadonnées.
rules_registration_metadata_document_hosts = Hôtes dont les documents de métadonnées sont récupérés ; vide pour tout hôte public.
rules_registration_known_clients = Les clients connus fonctionnent même si les documents de leurs éditeurs ne peuvent pas être récupérés.
rules_registration_approval = Un administrateur doit approuver chaque client avant que les utilisateurs puissent l’utiliser.
rules_registration_private_schemes = Schémas de redirection privés acceptés sans point.
rules_registration_redirect_hosts = Hôtes vers lesquels les clients qui s’enregistrent eux-mêmes peuvent rediriger ; vide pour tout hôte.
rules_registration_max_redirect_uris = Nombre maximal d’URI de redirection d’un client.
rules_registration_max_registrations = Nombre maximal d’enregistrements.
rules_registration_unused_seconds = Secondes après lesquelles un enregistrement qu’aucun utilisateur n’a autorisé est supprimé.
rules_registration_burst_per_address = Nombre maximal d’enregistrements qu’une adresse IP peut envoyer d’un coup.
rules_registration_per_minute_per_address = Nombre d’enregistrements par minute qu’une adresse IP peut envoyer dans la durée.
rules_registration_metadata_document_max_age_seconds = Durée maximale d’utilisation d’un document de métadonnées sans nouvelle récupération, en secondes.
