# Pages des règles autres que la politique.
rules_pages = Pages des règles
rules_access = Règles d’accès
rules_limits = Limites
rules_registration = Admission des clients
rules_in_effect = Réglages en vigueur
rules_locked_explained = Modifiez ces réglages dans le fichier de configuration, sous <code>[{ $section }]</code>, et mettez-les en vigueur avec <code>doorward reload</code>.
rules_setting = Réglage
rules_value = Valeur
rules_origin = Origine
rules_none = aucun
rules_change_explained = Enregistrer met ces réglages en vigueur sur tous les serveurs en une seconde.

# Réglages de ces règles.
rules_access_scope_roles = Rôles qui peuvent avoir une portée, par exemple mcp:write = developer admin. Une portée sans règle est ouverte à tous les utilisateurs.
rules_access_tool_roles = Rôles qui peuvent appeler un outil, par exemple wiki_* = editor. Si plusieurs règles correspondent, toutes doivent être remplies.
rules_access_second_factor_scopes = Portées accordées seulement aux utilisateurs qui ont confirmé un second facteur.
rules_access_second_factor_for_administrators = Les pages d’administration exigent un second facteur.
rules_limits_calls_per_minute_user = Appels par minute d’un utilisateur, tous clients confondus.
rules_limits_calls_per_minute_client = Appels par minute d’un client, tous utilisateurs confondus.
rules_limits_calls_at_once_user = Appels simultanés d’un utilisateur.
rules_limits_calls_at_once_upstream = Appels simultanés vers un serveur amont, tous utilisateurs confondus.
rules_limits_calls_waiting = Appels en attente, par utilisateur et par serveur amont.
rules_limits_wait_seconds = Secondes pendant lesquelles un appel attend au plus.
rules_limits_call_seconds = Secondes que dure un appel au plus.
rules_limits_argument_bytes = Octets que peuvent avoir les arguments d’un appel.
rules_limits_result_bytes = Octets que peut avoir un résultat.
rules_registration_dynamic = Les clients peuvent s’enregistrer eux-mêmes.
rules_registration_metadata_documents = Un client peut être identifié par l’URL https de son document de métadonnées.
rules_registration_metadata_document_hosts = Hôtes dont les documents de métadonnées sont récupérés ; vide pour tout hôte public.
rules_registration_known_clients = Les clients connus fonctionnent même si les documents de leurs éditeurs ne peuvent être récupérés.
rules_registration_approval = Un administrateur doit approuver chaque client avant que les utilisateurs puissent l’employer.
rules_registration_private_schemes = Schémas de redirection privés acceptés sans point.
rules_registration_redirect_hosts = Hôtes vers lesquels les clients qui s’enregistrent eux-mêmes peuvent rediriger ; vide pour tout hôte.
rules_registration_max_redirect_uris = URI de redirection qu’un client peut avoir.
rules_registration_max_registrations = Enregistrements qui peuvent exister.
rules_registration_unused_seconds = Secondes après lesquelles un enregistrement qu’aucun utilisateur n’a autorisé est supprimé.
rules_registration_burst_per_address = Enregistrements qu’une adresse IP peut envoyer d’un coup.
rules_registration_per_minute_per_address = Enregistrements par minute qu’une adresse IP peut envoyer à la longue.
rules_registration_metadata_document_max_age_seconds = Secondes pendant lesquelles un document de métadonnées est utilisé sans être récupéré à nouveau.
