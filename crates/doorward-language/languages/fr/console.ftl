# Mise en page des pages d’administration.
console_menu = Menu
console_crumbs = Vous êtes ici
console_services = Services
console_settings = Paramètres

# Listes.
console_search = Rechercher
console_remove_filter = Retirer le filtre { $filter }
console_none = Aucun résultat. Modifiez la recherche ou retirez un filtre.
console_services_none = Aucun service n’est encore connecté. Ajoutez un serveur MCP, une API REST ou un dossier de documents.
console_clients_none = Aucun client ne s’est encore connecté. Les clients s’enregistrent eux-mêmes ; les autres s’ajoutent ici.
console_tokens_none = Il n’y a aucun jeton d’accès. Les utilisateurs créent les leurs sur la page de leur compte.
console_selection = Sélection
console_select = Sélectionner { $name }
console_selected = Lignes sélectionnées :
console_range = { $first }–{ $last } sur { $total }
console_rows = Lignes :
console_csv = CSV
console_parts = Pages de la liste
console_previous = Précédent
console_next = Suivant
console_cancel = Annuler
console_more = et { $count } de plus
console_any_state = Tous les états
console_any_source = Toutes les origines
console_role = Rôle
console_tokens = Jetons
console_made = Créé
console_client_id = client_id
console_users_enabled = activé
console_clients_unapproved = non approuvé
console_clients_unused = jamais utilisé
console_token_active = actif
console_search_users = Nom ou adresse e-mail
console_search_tokens = Nom ou utilisateur
console_disable_users_effect = Leurs sessions, jetons et applications connectées prennent fin immédiatement.
console_block_clients_effect = Leur accès prend fin immédiatement, pour tous les utilisateurs.
console_revoke_tokens_effect = Les programmes qui les utilisent perdent l’accès immédiatement.
console_disable_users =
    { $count ->
        [one] Désactiver { $count } utilisateur ?
       *[other] Désactiver { $count } utilisateurs ?
    }
console_users_were_disabled =
    { $count ->
        [one] { $count } utilisateur a été désactivé.
       *[other] { $count } utilisateurs ont été désactivés.
    }
console_users_were_enabled =
    { $count ->
        [one] { $count } utilisateur a été activé.
       *[other] { $count } utilisateurs ont été activés.
    }
console_block_clients =
    { $count ->
        [one] Désactiver { $count } client ?
       *[other] Désactiver { $count } clients ?
    }
console_clients_changed =
    { $count ->
        [one] { $count } client a été modifié.
       *[other] { $count } clients ont été modifiés.
    }
console_revoke_tokens =
    { $count ->
        [one] Révoquer { $count } jeton ?
       *[other] Révoquer { $count } jetons ?
    }
console_tokens_revoked =
    { $count ->
        [one] { $count } jeton a été révoqué.
       *[other] { $count } jetons ont été révoqués.
    }

# Columns of lists.
console_url = URL
console_issuer = Émetteur
console_subject = Sujet

# Services.
console_service_tools = Outils
console_service_no_tools = Aucun outil n’est encore connu. Testez le service : le test les liste.
console_service_no_tools_connect = Aucun outil n’est encore connu : ce service les liste avec l’accès propre d’un utilisateur. Connectez votre compte, puis testez le service.
console_service_connect = Connecter votre compte
console_service_access = Accès
console_service_connections = Connexions
console_service_settings = Paramètres
console_service_activity = Activité
console_process_log = Journal du processus
console_process_log_explained = Les 200 dernières lignes que ses processus ont écrites sur leur sortie d’erreur sur ce serveur, sans les secrets qu’ils ont reçus.
console_process_log_news = Afficher les nouvelles lignes au fur et à mesure
console_process_log_line = Ligne
console_service_parts = Sections de la page
console_service_failing = en échec
console_service_failed = Dernier échec
console_service_has_waiting = outils à examiner
console_service_waiting = { $count } à examiner
console_service_users = Utilisateurs connectés
console_service_calls = Appels en 24 h
console_service_success = Dernier succès
console_service_source = Origine
console_service_decide = Outils à examiner
console_service_roles = Utilisateurs autorisés
console_service_all_users = Tous les utilisateurs, dans les limites de la politique.
console_service_defaults = Les paramètres non listés ont leur valeur par défaut. Les secrets ne sont pas affichés.
console_tool_description = Description
console_search_tools = Nom ou description
console_search_services = Nom
console_tool_warnings =
    { $count ->
        [one] { $count } avertissement
       *[other] { $count } avertissements
    }

# Audit.
console_audit_time = Heure
console_audit_same = Entrées de même valeur
console_audit_news = Afficher les nouvelles entrées au fur et à mesure
console_audit_no_kind = Événement inconnu : { $kind }.
console_audit_no_outcome = Résultat inconnu : { $outcome }.
console_audit_no_user = Il n’y a pas d’utilisateur { $user }, ni d’entrée d’un utilisateur supprimé avec cet identifiant.
console_audit_no_client = Il n’y a pas de client { $client }, ni d’entrée d’un client supprimé avec ce client_id.
console_audit_no_address = { $address } n’est pas une adresse IP.
console_audit_long_text = La recherche porte sur 200 octets de texte au plus.

# Paramètres collés.
console_paste = Coller les paramètres d’un client MCP
console_paste_label = JSON avec mcpServers
console_paste_fill = Remplir le formulaire
console_paste_unread = Le texte n’est pas le JSON d’un serveur MCP avec une URL.
console_paste_command = Ce serveur est un processus local. Ajoutez les processus locaux dans le fichier de configuration ou avec la commande doorward upstream add.
console_paste_headers = Ce serveur utilise plusieurs en-têtes, mais un serveur amont n’en a qu’un. Saisissez-le dans le formulaire.
console_search_all = Rechercher utilisateurs, clients, services et outils
console_search_list = Tous dans la liste
console_audit_duration = Durée
console_newest = Plus récentes
console_approvals = Approbations
console_service = Service
console_approvals_none = Aucun outil n’attend de décision.
console_approvals_changes = Modifications et avertissements
console_tools_approved =
    { $count ->
        [one] { $count } outil a été approuvé.
       *[other] { $count } outils ont été approuvés.
    }
console_tools_rejected =
    { $count ->
        [one] { $count } outil a été rejeté.
       *[other] { $count } outils ont été rejetés.
    }
console_reset_factors_of = Retirer les seconds facteurs de { $name } ?
console_disable_user = Désactiver { $name } ?
console_delete_user = Supprimer { $name } ?
console_user_ends = Prennent fin immédiatement : sessions : { $sessions }, applications connectées : { $apps }, jetons d’accès : { $tokens }.
console_delete_client = Supprimer { $name } ?
console_client_ends = Accès accordés par des utilisateurs à ce client, qui prennent fin immédiatement : { $grants }.
console_delete_provider = Supprimer le fournisseur d’identité { $name } ?
console_provider_ends = Utilisateurs liés qui ne pourront plus se connecter avec lui : { $users }.
console_delete_trust = Supprimer cette règle de confiance ?
console_search_providers = Nom
console_search_resources = Nom ou URL
console_search_trust = Nom, émetteur ou sujet
console_tool_is_now = L’outil { $tool } est maintenant dans l’état « { $state } ».

# Connexions des services aux serveurs amont.
console_connections = Connexions
console_connections_explained = Un administrateur connecte le service une seule fois. Celui-ci utilise ensuite le serveur amont sans utilisateur, jusqu’à ce que la connexion soit supprimée ici ou là-bas.
console_connect_service = Connecter { $service } à { $upstream }
console_connect_service_effect = Le service <strong><bdi>{ $service }</bdi></strong> utilise ensuite <strong><bdi>{ $upstream }</bdi></strong> à tout moment, avec le compte avec lequel vous vous y connectez et sans vous consulter. Utilisez un compte qui appartient au service, et non le vôtre.
console_connection_ended = La connexion a été supprimée.
console_source_administrator = administrateur
console_source_document = document de métadonnées
console_source_registration = enregistrement
console_service_no_users = Aucun utilisateur n’a encore connecté ce service.
console_service_unconnected = Ce service ne demande aucune connexion de ses utilisateurs.
